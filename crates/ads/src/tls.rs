// SPDX-License-Identifier: Apache-2.0
//! Who may connect.
//!
//! In: the address to listen on and files in PEM. Out: what the server needs for TLS, read again when
//! a file changes. What is served holds private keys of listeners: in the clear it never leaves the
//! machine.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{VerifierBuilderError, WebPkiClientVerifier},
};

/// Files in PEM for a port.
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
    /// A file does not hold what it should.
    #[error("{path}: {error}; it must be PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: pem::Error,
    },
    /// Certificate and key do not make a TLS server.
    #[error("the certificate and key: {0}; does the key fit the certificate?")]
    Pair(#[from] rustls::Error),
    /// The authorities cannot be used.
    #[error("the client authorities: {0}")]
    Authorities(#[from] VerifierBuilderError),
}

/// The TLS side of a server; it follows its files.
#[derive(Debug)]
pub struct Tls {
    /// What the port is for, as people call it.
    port: &'static str,
    /// Its protocol in the handshake.
    alpn: &'static str,
    files: TlsFiles,
    config: Arc<ServerConfig>,
    seen: Seen,
}

/// Of each file, when it was changed last and how long it is.
type Seen = [Option<(SystemTime, u64)>; 3];

impl Tls {
    /// Reads the files, for a port that is known as `port` and speaks `alpn`.
    ///
    /// # Errors
    /// When they do not make a TLS server.
    pub fn read(
        (port, alpn): (&'static str, &'static str),
        files: TlsFiles,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            port,
            alpn,
            seen: files.seen(),
            config: files.config(alpn)?,
            files,
        })
    }

    /// For ADS at `address`; `None` for plain text.
    pub(crate) fn of_ads(
        address: SocketAddr,
        files: Option<TlsFiles>,
    ) -> Result<Option<Self>, TlsError> {
        let Some(files) = files else {
            return match address.ip().is_loopback() {
                true => Ok(None),
                false => Err(TlsError::Plain(address)),
            };
        };
        if files.client_ca.is_none() && !address.ip().is_loopback() {
            tracing::warn!(
                "whoever reaches {address} may read every resource, private keys included: \
                 --ads-tls-client-ca lets in only your Envoys"
            );
        }
        Self::read(("ADS", "h2"), files).map(Some)
    }

    /// What the next connection gets. Files that changed and are no good change nothing.
    pub fn current(&mut self) -> Arc<ServerConfig> {
        let seen = self.files.seen();
        if seen != self.seen {
            self.seen = seen;
            match self.files.config(self.alpn) {
                Ok(config) => {
                    tracing::info!("the TLS files of {} changed", self.port);
                    self.config = config;
                }
                Err(error) => {
                    let port = self.port;
                    tracing::error!("the old TLS files of {port} stay in force: {error}");
                }
            }
        }
        self.config.clone()
    }
}

impl TlsFiles {
    fn seen(&self) -> Seen {
        let client_ca = self.client_ca.as_deref();
        let files = [Some(&*self.certificate), Some(&*self.key), client_ca];
        files.map(|path| {
            let file = fs::metadata(path?).ok()?;
            Some((file.modified().ok()?, file.len()))
        })
    }

    fn config(&self, alpn: &str) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|error| TlsError::Pem {
                path: self.key.clone(),
                error,
            })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match &self.client_ca {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority)?;
                }
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build()?)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![alpn.into()];
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |error| TlsError::Pem {
        path: path.to_owned(),
        error,
    };
    let text = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(fail)?;
    match chain.is_empty() {
        true => Err(fail(pem::Error::NoItemsFound)),
        false => Ok(chain),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}
