// SPDX-License-Identifier: Apache-2.0
//! Who may connect.
//!
//! In: the address to listen on and files in PEM. Out: what the server needs for TLS. What is served
//! holds private keys of listeners: in the clear it never leaves the machine.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// Longest handshake. Ours.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Files in PEM for the ADS port.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of client certificates; with it, only clients that have one may connect.
    pub client_ca: Option<PathBuf>,
}

/// Why the port cannot be secured as asked for. Trying again does not help.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// In the clear, beyond this machine.
    #[error(
        "{0} can be reached from other machines, and what ADS serves includes private keys: give \
         --ads-tls-cert and --ads-tls-key, or listen on a loopback address"
    )]
    Plain(SocketAddr),
    /// A file cannot be read.
    #[error("reading {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The TLS side of a server at `address`; `None` for plain text.
pub(crate) fn config(
    address: SocketAddr,
    files: Option<&TlsFiles>,
) -> Result<Option<ServerTlsConfig>, TlsError> {
    let Some(files) = files else {
        return match address.ip().is_loopback() {
            true => Ok(None),
            false => Err(TlsError::Plain(address)),
        };
    };
    let identity = Identity::from_pem(read(&files.certificate)?, read(&files.key)?);
    let mut config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE);
    match &files.client_ca {
        Some(path) => config = config.client_ca_root(Certificate::from_pem(read(path)?)),
        None if !address.ip().is_loopback() => tracing::warn!(
            "whoever reaches {address} may read every resource, private keys included: \
             --ads-tls-client-ca lets in only your Envoys"
        ),
        None => {}
    }
    Ok(Some(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}
