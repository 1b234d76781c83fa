// SPDX-License-Identifier: Apache-2.0
//! The numbers of handshakes that succeeded.
//!
//! In: a finished handshake. Out: counters moved: version, cipher and group under the names of
//! Envoy's TLS library.

use rustls::{CipherSuite, CommonState, HandshakeKind, NamedGroup, ProtocolVersion};

use crate::stats::SslStats;

/// Counts one.
pub(super) fn count(state: &CommonState, stats: &SslStats) {
    stats.handshake.inc();
    if state.handshake_kind() == Some(HandshakeKind::Resumed) {
        stats.session_reused.inc();
    }
    if state.peer_certificates().is_none() {
        stats.no_certificate.inc();
    }
    match state.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => stats.tls_1_2.inc(),
        Some(ProtocolVersion::TLSv1_3) => stats.tls_1_3.inc(),
        _ => {}
    }
    if let Some(suite) = state.negotiated_cipher_suite() {
        cipher(suite.suite(), stats);
    }
    match state
        .negotiated_key_exchange_group()
        .map(|group| group.name())
    {
        Some(NamedGroup::X25519) => stats.x25519.inc(),
        Some(NamedGroup::X25519MLKEM768) => stats.x25519_mlkem768.inc(),
        Some(NamedGroup::secp256r1) => stats.p256.inc(),
        Some(NamedGroup::secp384r1) => stats.p384.inc(),
        _ => {}
    }
}

fn cipher(suite: CipherSuite, stats: &SslStats) {
    let counter = match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => &stats.aes_128,
        CipherSuite::TLS13_AES_256_GCM_SHA384 => &stats.aes_256,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => &stats.chacha20,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => &stats.ecdsa_aes_128,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => &stats.ecdsa_aes_256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => &stats.ecdsa_chacha20,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => &stats.rsa_aes_128,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => &stats.rsa_aes_256,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => &stats.rsa_chacha20,
        // The library has no others.
        _ => return,
    };
    counter.inc();
}
