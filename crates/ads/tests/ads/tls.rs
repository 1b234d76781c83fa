// SPDX-License-Identifier: Apache-2.0
//! TLS, client certificates, and where plain text may be spoken.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sluicegate_ads::{Options, Server, StartError, TlsError, TlsFiles, channel};
use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
};
use tonic::{
    codegen::tokio_stream,
    transport::{Certificate, Channel, ClientTlsConfig, Error, Identity},
};

use crate::client::{Ads, Cds, node, options, snapshot};

/// A certificate for `localhost`, good for both sides, and its authority, as files.
struct Files {
    folder: PathBuf,
    authority: String,
    certificate: String,
    key: String,
}

impl Files {
    fn new(name: &str) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let authority = params.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let key = key.serialize_pem();
        fs::write(folder.join("ca.crt"), &authority).unwrap();
        fs::write(folder.join("tls.crt"), &certificate).unwrap();
        fs::write(folder.join("tls.key"), &key).unwrap();
        Self {
            folder,
            authority,
            certificate,
            key,
        }
    }

    fn server(&self, client_ca: bool) -> Options {
        Options {
            tls: Some(TlsFiles {
                certificate: self.folder.join("tls.crt"),
                key: self.folder.join("tls.key"),
                client_ca: client_ca.then(|| self.folder.join("ca.crt")),
            }),
            ..options()
        }
    }

    fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authority))
            .domain_name("localhost")
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }
}

async fn connect(ads: &Ads, tls: ClientTlsConfig) -> Result<Channel, Error> {
    let uri = format!("https://{}", ads.server.address());
    let endpoint = Channel::from_shared(uri).unwrap().tls_config(tls).unwrap();
    endpoint.connect().await
}

/// Whether a client gets an answer.
async fn serves(channel: Channel) -> bool {
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let request = DeltaDiscoveryRequest {
        node: Some(node()),
        type_url: Cds.type_url(),
        ..DeltaDiscoveryRequest::default()
    };
    let responses = client
        .delta_aggregated_resources(tokio_stream::once(request))
        .await;
    let Ok(responses) = responses else {
        return false;
    };
    matches!(responses.into_inner().message().await, Ok(Some(_)))
}

#[tokio::test]
async fn the_port_speaks_tls() {
    let files = Files::new("ads-tls");
    let ads = Ads::start_with(snapshot(&[(Cds, "a", "1")]), files.server(false)).await;
    assert!(serves(connect(&ads, files.client()).await.unwrap()).await);
    // Another authority's client does not trust it.
    let other = Files::new("ads-tls-other");
    assert!(connect(&ads, other.client()).await.is_err());
}

#[tokio::test]
async fn only_clients_with_a_certificate_of_the_authority_are_served() {
    let files = Files::new("ads-mtls");
    let ads = Ads::start_with(snapshot(&[(Cds, "a", "1")]), files.server(true)).await;
    let with = files.client().identity(files.identity());
    assert!(serves(connect(&ads, with).await.unwrap()).await);
    let stranger = Files::new("ads-mtls-stranger").identity();
    for tls in [files.client(), files.client().identity(stranger)] {
        // With TLS 1.3 the client learns of it after its handshake.
        if let Ok(channel) = connect(&ads, tls).await {
            assert!(!serves(channel).await);
        }
    }
}

async fn start(options: Options) -> StartError {
    let (_publisher, subscriber) = channel();
    let started = Server::start(options, subscriber, &Registry::default()).await;
    started.err().unwrap()
}

#[tokio::test]
async fn plain_text_stays_on_loopback() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let options = Options {
            address: address.parse().unwrap(),
            ..options()
        };
        let error = start(options).await;
        assert!(
            matches!(error, StartError::Tls(TlsError::Plain(_))),
            "{error}"
        );
        assert!(error.to_string().contains("--ads-tls-cert"), "{error}");
    }
}

#[tokio::test]
async fn files_that_are_no_good_are_named() {
    let files = Files::new("ads-tls-bad");
    let mut missing = files.server(false);
    missing.tls.as_mut().unwrap().key = files.folder.join("none.key");
    let error = start(missing).await.to_string();
    assert!(error.contains("none.key"), "{error}");
    let mut swapped = files.server(false);
    swapped.tls.as_mut().unwrap().key = files.folder.join("tls.crt");
    let error = start(swapped).await.to_string();
    assert!(error.contains("tls.crt"), "{error}");
    let other = Files::new("ads-tls-bad-other");
    let mut pair = files.server(false);
    pair.tls.as_mut().unwrap().key = other.folder.join("tls.key");
    let error = start(pair).await;
    assert!(
        matches!(error, StartError::Tls(TlsError::Pair(_))),
        "{error}"
    );
}

#[tokio::test]
async fn new_files_are_in_force_for_the_next_connection() {
    let files = Files::new("ads-tls-rotated");
    let options = files.server(true);
    let ads = Ads::start_with(snapshot(&[(Cds, "a", "1")]), options).await;
    let with = |files: &Files| files.client().identity(files.identity());
    let old = connect(&ads, with(&files)).await.unwrap();
    assert!(serves(old.clone()).await);
    // Half of a change is no good, and changes nothing.
    fs::write(files.folder.join("tls.crt"), "no certificate").unwrap();
    assert!(serves(connect(&ads, with(&files)).await.unwrap()).await);
    let new = Files::new("ads-tls-rotated");
    assert!(serves(connect(&ads, with(&new)).await.unwrap()).await);
    assert!(serves(old).await, "who is connected stays so");
    assert!(connect(&ads, with(&files)).await.is_err());
}
