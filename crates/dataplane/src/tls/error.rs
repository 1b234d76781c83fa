// SPDX-License-Identifier: Apache-2.0
//! Why a TLS handshake failed, in the words of Envoy's TLS library.
//!
//! In: the library's error. Out: a value of a closed set, with the text that goes into
//! `%RESPONSE_CODE_DETAILS%` and the counter that it moves.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::verify::SanMismatch;
use crate::{failure::transport_failure, stats::SslStats};

/// Causes that Envoy tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsError {
    /// The peer's alert `bad_certificate`.
    AlertBadCertificate,
    /// The peer's alert `certificate_expired`.
    AlertCertificateExpired,
    /// The peer's alert `certificate_required`.
    AlertCertificateRequired,
    /// The peer's alert `certificate_unknown`.
    AlertCertificateUnknown,
    /// The peer's alert `handshake_failure`.
    AlertHandshakeFailure,
    /// The peer's alert `no_application_protocol`.
    AlertNoApplicationProtocol,
    /// The peer's alert `protocol_version`.
    AlertProtocolVersion,
    /// The peer's alert `unknown_ca`.
    AlertUnknownCa,
    /// The peer's alert `unrecognized_name`.
    AlertUnrecognizedName,
    /// The certificate has expired.
    Expired,
    /// The peer gave no certificate.
    NoCertificate,
    /// The certificate is not valid yet.
    NotYetValid,
    /// None of the names of the certificate matches.
    San,
    /// No authority that is trusted signed the certificate.
    UnknownIssuer,
    /// No version, cipher or group in common.
    Unsupported,
    /// The certificate does not verify for another reason.
    Verify,
    /// The peer does not speak TLS.
    WrongVersion,
    /// Anything else, a connection closed in the middle for example.
    Other,
}

impl TlsError {
    /// From what a handshake returned.
    pub(super) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(Error::AlertReceived(alert)) => Self::alert(*alert),
            Some(Error::InvalidCertificate(error)) => Self::certificate(error),
            Some(Error::InvalidMessage(_)) => Self::WrongVersion,
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::PeerIncompatible(reason)) => match reason {
                PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => Self::Verify,
                _ => Self::Unsupported,
            },
            _ => Self::Other,
        }
    }

    fn alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::BadCertificate => Self::AlertBadCertificate,
            AlertDescription::CertificateExpired => Self::AlertCertificateExpired,
            AlertDescription::CertificateRequired => Self::AlertCertificateRequired,
            AlertDescription::CertificateUnknown => Self::AlertCertificateUnknown,
            AlertDescription::HandshakeFailure => Self::AlertHandshakeFailure,
            AlertDescription::NoApplicationProtocol => Self::AlertNoApplicationProtocol,
            AlertDescription::ProtocolVersion => Self::AlertProtocolVersion,
            AlertDescription::UnknownCA => Self::AlertUnknownCa,
            AlertDescription::UnrecognisedName => Self::AlertUnrecognizedName,
            _ => Self::Other,
        }
    }

    fn certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Other(other) if other.0.is::<SanMismatch>() => Self::San,
            _ => Self::Verify,
        }
    }

    /// `%RESPONSE_CODE_DETAILS%`, upstream.
    pub(crate) fn details(self) -> &'static str {
        macro_rules! details {
            ($($text:tt)*) => {
                concat!(
                    "upstream_reset_before_response_started{remote_connection_failure|TLS_error:|",
                    $($text)*,
                    ":TLS_error_end}"
                )
            };
        }
        // Code: 16 << 24, the library, plus its reason.
        macro_rules! ssl {
            ($code:literal, $text:literal) => {
                details!($code, ":SSL_routines:OPENSSL_internal:", $text)
            };
        }
        macro_rules! verify {
            ($text:literal) => {
                details!(
                    "268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:",
                    $text
                )
            };
        }
        match self {
            Self::AlertBadCertificate => ssl!(268436498, "SSLV3_ALERT_BAD_CERTIFICATE"),
            Self::AlertCertificateExpired => ssl!(268436501, "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
            Self::AlertCertificateRequired => {
                ssl!(268436572, "TLSV1_ALERT_CERTIFICATE_REQUIRED")
            }
            Self::AlertCertificateUnknown => ssl!(268436502, "SSLV3_ALERT_CERTIFICATE_UNKNOWN"),
            Self::AlertHandshakeFailure => ssl!(268436496, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
            Self::AlertNoApplicationProtocol => {
                ssl!(268436576, "TLSV1_ALERT_NO_APPLICATION_PROTOCOL")
            }
            Self::AlertProtocolVersion => ssl!(268436526, "TLSV1_ALERT_PROTOCOL_VERSION"),
            Self::AlertUnknownCa => ssl!(268436504, "TLSV1_ALERT_UNKNOWN_CA"),
            Self::AlertUnrecognizedName => ssl!(268436568, "TLSV1_ALERT_UNRECOGNIZED_NAME"),
            Self::Expired => verify!("verify_cert:_certificate_has_expired"),
            Self::NoCertificate => {
                ssl!(268435648, "PEER_DID_NOT_RETURN_A_CERTIFICATE")
            }
            Self::NotYetValid => verify!("verify_cert:_certificate_is_not_yet_valid"),
            Self::San => verify!("verify_SAN_matcher"),
            Self::UnknownIssuer => {
                verify!("verify_cert:_unable_to_get_local_issuer_certificate")
            }
            Self::Unsupported => ssl!(268435696, "UNSUPPORTED_PROTOCOL"),
            Self::Verify => verify!("verify_cert"),
            Self::WrongVersion => ssl!(268435703, "WRONG_VERSION_NUMBER"),
            Self::Other => "upstream_reset_before_response_started{remote_connection_failure}",
        }
    }

    /// `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`; empty where nothing is known.
    pub(crate) fn reason(self) -> &'static str {
        transport_failure(self.details())
    }

    /// Moves the counter: a certificate that does not verify has its own.
    pub(crate) fn count(self, stats: &SslStats) {
        match self {
            Self::San => stats.fail_verify_san.inc(),
            Self::NoCertificate => stats.fail_verify_no_cert.inc(),
            Self::Expired | Self::NotYetValid | Self::UnknownIssuer | Self::Verify => {
                stats.fail_verify_error.inc();
            }
            _ => stats.connection_error.inc(),
        }
    }
}
