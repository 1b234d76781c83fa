// SPDX-License-Identifier: Apache-2.0
//! `dynamic_resources`: the management server of a bootstrap.
//!
//! In: the bootstrap. Out: how to take resources from its server; or an error for each part of it
//! that asks for another way than one aggregated gRPC stream.

use std::time::Duration;

use sluicegate_dataplane::examine;
use sluicegate_manifest::Diagnostic;
use sluicegate_snapshot::Resource;
use sluicegate_xds::pb::envoy::config::{
    bootstrap::v3::{Bootstrap, bootstrap::DynamicResources},
    core::v3::{
        ApiConfigSource, ApiVersion, ConfigSource, GrpcService, api_config_source::ApiType,
        config_source::ConfigSourceSpecifier, grpc_service::TargetSpecifier,
    },
};
use sluicegate_xds_client::{Judge, Server, Variant};

use super::{
    bootstrap::{Strictness, Text},
    codes,
};

/// How resources are taken from a management server.
#[derive(Debug, Clone)]
pub struct Dynamic {
    /// Where it is.
    pub server: Server,
    /// The variant of the protocol.
    pub variant: Variant,
    /// Whether every request says who we are, or only the first one of a stream.
    pub node_in_every_request: bool,
    /// `initial_fetch_timeout`.
    pub initial_fetch_timeout: Duration,
    /// Says which resources are refused.
    pub judge: Judge,
}

/// Reads it; `None` when there is none, or an error was found.
pub(super) fn read(
    text: &Text<'_>,
    bootstrap: &Bootstrap,
    strictness: Strictness,
    found: &mut Vec<Diagnostic>,
) -> Option<Dynamic> {
    let dynamic = bootstrap.dynamic_resources.as_ref()?;
    if *dynamic == DynamicResources::default() {
        return None;
    }
    let mut reader = Reader {
        text,
        found,
        failed: false,
    };
    let timeout = reader.sources(dynamic);
    reader.node(bootstrap);
    let Some(ads) = &dynamic.ads_config else {
        let words = "ads_config is missing: only one aggregated stream is implemented";
        reader.say(ROOT, words.to_owned());
        return None;
    };
    let variant = reader.variant(ads);
    let server = reader.server(ads, bootstrap);
    reader.rest(ads);
    if reader.failed {
        return None;
    }
    Some(Dynamic {
        server: server?,
        variant: variant?,
        node_in_every_request: !ads.set_node_on_first_message_only,
        initial_fetch_timeout: timeout,
        judge: judge(strictness),
    })
}

struct Reader<'a, 't> {
    text: &'a Text<'t>,
    found: &'a mut Vec<Diagnostic>,
    failed: bool,
}

impl Reader<'_, '_> {
    fn say(&mut self, field: &str, words: String) {
        self.failed = true;
        self.found
            .push(self.text.at(codes::UNSUPPORTED, field, words));
    }

    /// As Envoy, which needs both towards a server.
    fn node(&mut self, bootstrap: &Bootstrap) {
        let node = bootstrap.node.clone().unwrap_or_default();
        if node.id.is_empty() || node.cluster.is_empty() {
            let words = "a management server must be told node.id and node.cluster";
            self.say("Bootstrap.node", words.to_owned());
        }
    }

    /// Clusters and listeners must come over the stream. Gives how long to wait for them.
    fn sources(&mut self, dynamic: &DynamicResources) -> Duration {
        let sources = [
            ("cds_config", &dynamic.cds_config),
            ("lds_config", &dynamic.lds_config),
        ];
        let mut longest = None;
        for (name, source) in sources {
            let field = format!("{ROOT}.{name}");
            let specifier = source.as_ref().map(|it| &it.config_source_specifier);
            match specifier {
                Some(Some(ConfigSourceSpecifier::Ads(_))) => {}
                Some(Some(_)) => self.say(
                    &field,
                    format!("{name} other than `ads: {{}}` is not implemented"),
                ),
                Some(None) | None => self.say(
                    &field,
                    format!(
                        "{name} is missing: both cds_config and lds_config must be `ads: {{}}`"
                    ),
                ),
            }
            longest = longest.max(source.as_ref().and_then(fetch_timeout));
        }
        longest.unwrap_or(FETCH_TIMEOUT)
    }

    fn variant(&mut self, ads: &ApiConfigSource) -> Option<Variant> {
        match ads.api_type() {
            ApiType::Grpc => Some(Variant::StateOfTheWorld),
            ApiType::DeltaGrpc => Some(Variant::Delta),
            other => {
                let words = format!("{} is not implemented", other.as_str_name());
                self.say(&format!("{ADS}.api_type"), words);
                None
            }
        }
    }

    fn server(&mut self, ads: &ApiConfigSource, bootstrap: &Bootstrap) -> Option<Server> {
        let field = format!("{ADS}.grpc_services");
        let [service] = ads.grpc_services.as_slice() else {
            self.say(&field, "exactly one grpc service is implemented".to_owned());
            return None;
        };
        let field = format!("{field}[0]");
        let Some(TargetSpecifier::EnvoyGrpc(target)) = &service.target_specifier else {
            self.say(&field, "only envoy_grpc is implemented".to_owned());
            return None;
        };
        let known = GrpcService {
            target_specifier: service.target_specifier.clone(),
            timeout: service.timeout,
            ..GrpcService::default()
        };
        if known != *service {
            let words = "only envoy_grpc and timeout are implemented of a grpc service";
            self.say(&field, words.to_owned());
        }
        if !target.authority.is_empty() || target.retry_policy.is_some() {
            let words = "only cluster_name is implemented of envoy_grpc";
            self.say(&field, words.to_owned());
        }
        let resources = bootstrap.static_resources.as_ref();
        let clusters = resources.map_or(&[][..], |resources| &resources.clusters);
        let mut clusters = clusters.iter().enumerate();
        let Some((index, cluster)) = clusters.find(|(_, it)| it.name == target.cluster_name) else {
            let words = format!("static_resources has no cluster {}", target.cluster_name);
            self.say(&format!("{field}.envoy_grpc.cluster_name"), words);
            return None;
        };
        match Server::of_cluster(cluster) {
            Ok(server) => Some(server),
            Err(error) => {
                let field = format!("Bootstrap.static_resources.clusters[{index}]");
                self.say(&field, error.to_string());
                None
            }
        }
    }

    /// What else may stand beside the server.
    fn rest(&mut self, ads: &ApiConfigSource) {
        if ads.transport_api_version() != ApiVersion::V3 {
            let words = "transport_api_version must be V3".to_owned();
            self.say(&format!("{ADS}.transport_api_version"), words);
        }
        let set = [
            ("cluster_names", !ads.cluster_names.is_empty()),
            ("config_validators", !ads.config_validators.is_empty()),
            ("rate_limit_settings", ads.rate_limit_settings.is_some()),
            ("refresh_delay", ads.refresh_delay.is_some()),
        ];
        for (name, _) in set.iter().filter(|(_, set)| *set) {
            self.say(
                &format!("{ADS}.{name}"),
                format!("{name} is not implemented"),
            );
        }
    }
}

/// What is set; 0 is no timeout in Envoy.
fn fetch_timeout(source: &ConfigSource) -> Option<Duration> {
    let timeout = source.initial_fetch_timeout.as_ref()?;
    let seconds = u64::try_from(timeout.seconds).unwrap_or(0);
    let nanos = u32::try_from(timeout.nanos).unwrap_or(0);
    let timeout = Duration::new(seconds, nanos.min(999_999_999));
    Some(if timeout.is_zero() {
        EVER
    } else {
        timeout.min(EVER)
    })
}

/// Refuses what the data plane cannot use, and what it would not enforce, unless that is wanted.
fn judge(strictness: Strictness) -> Judge {
    Judge(std::sync::Arc::new(move |resource: &Resource| {
        let examined = examine(resource);
        let mut reasons = examined.refused;
        for setting in examined.unenforced {
            let words = format!("{setting} is not enforced");
            match strictness {
                Strictness::Refuse => reasons.push(words),
                Strictness::Tell => tracing::warn!("{}: {words}", resource.name),
            }
        }
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("; "))
        }
    }))
}

const ROOT: &str = "Bootstrap.dynamic_resources";
const ADS: &str = "Bootstrap.dynamic_resources.ads_config";
/// Envoy default.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// Longer than anybody waits.
const EVER: Duration = Duration::from_secs(365 * 24 * 3600);
