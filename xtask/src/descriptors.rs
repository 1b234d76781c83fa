// SPDX-License-Identifier: Apache-2.0
//! The descriptor set of the messages we use.
//!
//! In: the protos inside the locked `envoy-types` archive. Out: `crates/xds/src/descriptors.bin`,
//! the roots below with everything they import.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use prost::Message;
use prost_types::FileDescriptorProto;

/// Compiles and writes the set.
pub(crate) fn write() -> Result<()> {
    fs::write(output(), compile()?).with_context(|| format!("writing {}", output().display()))
}

/// Fails when the committed set is not what the locked protos give.
pub(crate) fn check() -> Result<()> {
    ensure!(
        fs::read(output())? == compile()?,
        "{} is out of date; run `cargo xtask descriptors`",
        output().display()
    );
    Ok(())
}

fn output() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/xds/src/descriptors.bin")
}

/// A `FileDescriptorSet` whose files stay encoded: decoding them with plain types would lose the
/// constraint annotations, which are extensions.
#[derive(Clone, PartialEq, Message)]
struct EncodedFiles {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

/// Compiles each root by itself and merges by file name: in one pool, protox 0.10 resolves relative
/// names against packages that a file does not import.
fn compile() -> Result<Vec<u8>> {
    let proto = envoy_types_folder()?.join("proto");
    let includes: Vec<PathBuf> = INCLUDES.iter().map(|folder| proto.join(folder)).collect();
    let mut names = BTreeSet::new();
    let mut file = Vec::new();
    for root in ROOTS {
        let mut compiler = protox::Compiler::new(&includes)?;
        compiler
            .include_imports(true)
            .open_file(root)
            .with_context(|| format!("compiling {root}"))?;
        let set = EncodedFiles::decode(compiler.encode_file_descriptor_set().as_slice())?;
        for encoded in set.file {
            let name = FileDescriptorProto::decode(encoded.as_slice())?
                .name()
                .to_owned();
            if names.insert(name) {
                file.push(encoded);
            }
        }
    }
    Ok(EncodedFiles { file }.encode_to_vec())
}

fn envoy_types_folder() -> Result<PathBuf> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("running cargo metadata")?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "envoy-types")
        .and_then(|package| package["manifest_path"].as_str())
        .context("envoy-types is not in the dependency tree")?;
    Ok(Path::new(manifest)
        .parent()
        .context("a manifest has a folder")?
        .to_owned())
}

const INCLUDES: [&str; 7] = [
    "data-plane-api",
    "xds",
    "protoc-gen-validate",
    "googleapis",
    "opentelemetry-proto",
    "client_model",
    "cel-spec/proto",
];

const ROOTS: [&str; 56] = [
    "envoy/admin/v3/certs.proto",
    "envoy/admin/v3/clusters.proto",
    "envoy/admin/v3/config_dump.proto",
    "envoy/admin/v3/config_dump_shared.proto",
    "envoy/admin/v3/listeners.proto",
    "envoy/admin/v3/memory.proto",
    "envoy/admin/v3/server_info.proto",
    "envoy/config/bootstrap/v3/bootstrap.proto",
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/listener/v3/listener.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/config/trace/v3/opentelemetry.proto",
    "envoy/extensions/clusters/dns/v3/dns_cluster.proto",
    "envoy/extensions/compression/brotli/compressor/v3/brotli.proto",
    "envoy/extensions/compression/gzip/compressor/v3/gzip.proto",
    "envoy/extensions/compression/zstd/compressor/v3/zstd.proto",
    "envoy/extensions/filters/http/admission_control/v3/admission_control.proto",
    "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.proto",
    "envoy/extensions/filters/http/buffer/v3/buffer.proto",
    "envoy/extensions/filters/http/compressor/v3/compressor.proto",
    "envoy/extensions/filters/http/custom_response/v3/custom_response.proto",
    "envoy/extensions/filters/http/fault/v3/fault.proto",
    "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
    "envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.proto",
    "envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy.proto",
    "envoy/type/matcher/v3/http_inputs.proto",
    "envoy/type/matcher/v3/status_code_input.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto",
    "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
    "envoy/extensions/filters/network/connection_limit/v3/connection_limit.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
    "envoy/extensions/health_check/event_sinks/file/v3/file.proto",
    "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.proto",
    "envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto",
    "envoy/extensions/load_balancing_policies/maglev/v3/maglev.proto",
    "envoy/extensions/load_balancing_policies/override_host/v3/override_host.proto",
    "envoy/extensions/load_balancing_policies/random/v3/random.proto",
    "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.proto",
    "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.proto",
    "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.proto",
    "envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver.proto",
    "envoy/extensions/path/match/uri_template/v3/uri_template_match.proto",
    "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.proto",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
    "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.proto",
    "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto",
    "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
    "envoy/extensions/transport_sockets/tls/v3/secret.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
    "envoy/service/discovery/v3/discovery.proto",
    "envoy/extensions/access_loggers/stream/v3/stream.proto",
    "envoy/extensions/access_loggers/file/v3/file.proto",
];
