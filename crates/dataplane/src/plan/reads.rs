// SPDX-License-Identifier: Apache-2.0
//! Every field that the compiler takes notice of, or that means nothing to a proxy.
//!
//! In: a resource from somebody else. Out: what it sets beyond that, which would otherwise be passed
//! over in silence. A field may be here and still not be enforced: then `unsupported` or the
//! compiler itself says so, in more words. A field that is new in Envoy's vocabulary is not here.
//! Keys of runtime values are: without a runtime, defaults are in force.

use std::{collections::HashMap, sync::LazyLock};

use sluicegate_snapshot::Resource;
use sluicegate_xds::{json::JsonError, unread};

/// The paths of all other fields that are set.
pub(super) fn others(resource: &Resource) -> Result<Vec<String>, JsonError> {
    unread(
        resource.resource_type.message_name(),
        &resource.body,
        &|message, field| {
            READ.get(message)
                .is_some_and(|fields| fields.contains(&field))
        },
    )
}

static READ: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter_map(|line| line.split_once(':'));
    let named = lines.map(|(message, fields)| (message, fields.split_whitespace().collect()));
    named.collect()
});

/// A message, and its fields. `*`: whoever reads the message judges it as a whole.
const TABLE: &str = "\
envoy.config.accesslog.v3.AccessLog:*
envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget:budget_percent budget_interval min_retry_concurrency
envoy.config.cluster.v3.CircuitBreakers.Thresholds:priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining max_connection_pools
envoy.config.cluster.v3.CircuitBreakers:thresholds per_host_thresholds
envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig:use_hostname_for_hashing hash_balance_factor
envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig:routing_enabled min_cluster_size fail_traffic_on_panic
envoy.config.cluster.v3.Cluster.CommonLbConfig:healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config update_merge_window ignore_new_hosts_until_first_hc close_connections_on_host_set_change consistent_hashing_lb_config
envoy.config.cluster.v3.Cluster.CustomClusterType:name typed_config
envoy.config.cluster.v3.Cluster.EdsClusterConfig:eds_config service_name
envoy.config.cluster.v3.Cluster.LbSubsetConfig:*
envoy.config.cluster.v3.Cluster.LeastRequestLbConfig:choice_count active_request_bias slow_start_config
envoy.config.cluster.v3.Cluster.MaglevLbConfig:table_size
envoy.config.cluster.v3.Cluster.PreconnectPolicy:per_upstream_preconnect_ratio predictive_preconnect_ratio
envoy.config.cluster.v3.Cluster.RefreshRate:base_interval max_interval
envoy.config.cluster.v3.Cluster.RingHashLbConfig:minimum_ring_size hash_function maximum_ring_size
envoy.config.cluster.v3.Cluster.RoundRobinLbConfig:slow_start_config
envoy.config.cluster.v3.Cluster.SlowStartConfig:slow_start_window aggression min_weight_percent
envoy.config.cluster.v3.Cluster.TransportSocketMatch:*
envoy.config.cluster.v3.Cluster:name type cluster_type eds_cluster_config connect_timeout per_connection_buffer_limit_bytes lb_policy load_balancing_policy load_assignment health_checks max_requests_per_connection circuit_breakers common_http_protocol_options http2_protocol_options typed_extension_protocol_options dns_refresh_rate dns_failure_refresh_rate dns_jitter respect_dns_ttl dns_lookup_family dns_resolvers use_tcp_for_dns_lookups dns_resolution_config typed_dns_resolver_config outlier_detection upstream_bind_config lb_subset_config ring_hash_lb_config maglev_lb_config least_request_lb_config round_robin_lb_config common_lb_config transport_socket transport_socket_matches metadata alt_stat_name upstream_connection_options close_connections_on_host_health_failure ignore_health_on_host_removal preconnect_policy
envoy.config.cluster.v3.LoadBalancingPolicy.Policy:typed_extension_config
envoy.config.cluster.v3.LoadBalancingPolicy:policies
envoy.config.cluster.v3.OutlierDetection:consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor consecutive_gateway_failure enforcing_consecutive_gateway_failure split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts failure_percentage_request_volume max_ejection_time max_ejection_time_jitter successful_active_health_check_uneject_host always_eject_one_host
envoy.config.cluster.v3.UpstreamConnectionOptions:tcp_keepalive
envoy.config.core.v3.BackoffStrategy:base_interval max_interval
envoy.config.core.v3.Address:socket_address
envoy.config.core.v3.AggregatedConfigSource:*
envoy.config.core.v3.BindConfig:*
envoy.config.core.v3.ConfigSource:*
envoy.config.core.v3.DataSource:filename inline_bytes inline_string environment_variable
envoy.config.core.v3.DnsResolutionConfig:resolvers dns_resolver_options
envoy.config.core.v3.DnsResolverOptions:use_tcp_for_dns_lookups no_default_search_domain
envoy.config.core.v3.EventServiceConfig:*
envoy.config.core.v3.GrpcService.EnvoyGrpc:cluster_name authority
envoy.config.core.v3.GrpcService.GoogleGrpc:*
envoy.config.core.v3.GrpcService:envoy_grpc google_grpc timeout initial_metadata
envoy.config.core.v3.HeaderValue:key value raw_value
envoy.config.core.v3.HeaderValueOption:header append append_action keep_empty_value
envoy.config.core.v3.HealthCheck.CustomHealthCheck:*
envoy.config.core.v3.HealthCheck.GrpcHealthCheck:service_name authority initial_metadata
envoy.config.core.v3.HealthCheck.HttpHealthCheck:host path send receive request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses codec_client_type method response_buffer_size
envoy.config.core.v3.HealthCheck.Payload:text binary
envoy.config.core.v3.HealthCheck.TcpHealthCheck:send receive
envoy.config.core.v3.HealthCheck.TlsOptions:alpn_protocols
envoy.config.core.v3.HealthCheck:timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold healthy_threshold reuse_connection http_health_check tcp_health_check grpc_health_check custom_health_check no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval event_log_path event_logger event_service always_log_health_check_failures always_log_health_check_success tls_options transport_socket_match_criteria
envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords:*
envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat:proper_case_words stateful_formatter
envoy.config.core.v3.Http1ProtocolOptions:allow_absolute_url accept_http_10 header_key_format enable_trailers allow_chunked_length override_stream_error_on_invalid_http_message send_fully_qualified_url allow_custom_methods
envoy.config.core.v3.Http2ProtocolOptions.SettingsParameter:*
envoy.config.core.v3.Http2ProtocolOptions:hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect custom_settings_parameters override_stream_error_on_invalid_http_message connection_keepalive
envoy.config.core.v3.Http3ProtocolOptions:*
envoy.config.core.v3.HttpProtocolOptions:idle_timeout max_headers_count max_connection_duration max_stream_duration headers_with_underscores_action max_requests_per_connection max_response_headers_kb
envoy.config.core.v3.KeepaliveSettings:interval timeout interval_jitter connection_idle_interval
envoy.config.core.v3.Locality:region zone sub_zone
envoy.config.core.v3.Metadata:*
envoy.config.core.v3.ProxyProtocolConfig:version added_tlvs
envoy.config.core.v3.RuntimeDouble:default_value runtime_key
envoy.config.core.v3.RuntimeFeatureFlag:default_value runtime_key
envoy.config.core.v3.RuntimeFractionalPercent:default_value runtime_key
envoy.config.core.v3.SchemeHeaderTransformation:*
envoy.config.core.v3.SocketAddress:protocol address port_value ipv4_compat
envoy.config.core.v3.SocketOption:*
envoy.config.core.v3.TcpKeepalive:keepalive_probes keepalive_time keepalive_interval
envoy.config.core.v3.TlvEntry:*
envoy.config.core.v3.TransportSocket:name typed_config
envoy.config.core.v3.TypedExtensionConfig:name typed_config
envoy.config.core.v3.UpstreamHttpProtocolOptions:auto_sni auto_san_validation override_auto_sni_header
envoy.config.endpoint.v3.ClusterLoadAssignment.Policy:overprovisioning_factor
envoy.config.endpoint.v3.ClusterLoadAssignment:cluster_name endpoints policy
envoy.config.endpoint.v3.Endpoint.AdditionalAddress:address
envoy.config.endpoint.v3.Endpoint.HealthCheckConfig:port_value hostname address disable_active_health_check
envoy.config.endpoint.v3.Endpoint:address health_check_config hostname additional_addresses
envoy.config.endpoint.v3.LbEndpoint:endpoint health_status metadata load_balancing_weight
envoy.config.endpoint.v3.LocalityLbEndpoints:locality lb_endpoints load_balancing_weight priority metadata
envoy.config.listener.v3.AdditionalAddress:*
envoy.config.listener.v3.Filter:name typed_config config_discovery
envoy.config.listener.v3.FilterChain:filter_chain_match filters metadata transport_socket name transport_socket_connect_timeout
envoy.config.listener.v3.FilterChainMatch:*
envoy.config.listener.v3.Listener.ConnectionBalanceConfig:*
envoy.config.listener.v3.Listener:name address filter_chains default_filter_chain use_original_dst per_connection_buffer_limit_bytes metadata drain_type listener_filters listener_filters_timeout continue_on_listener_filters_timeout transparent freebind tcp_fast_open_queue_length socket_options connection_balance_config access_log tcp_backlog_size bind_to_port stat_prefix enable_reuse_port ignore_global_conn_limit additional_addresses traffic_direction
envoy.config.listener.v3.ListenerFilter:name typed_config
envoy.config.route.v3.CookieMatcher:*
envoy.config.route.v3.Decorator:operation propagate
envoy.config.route.v3.DirectResponseAction:status body
envoy.config.route.v3.FilterAction:*
envoy.config.route.v3.FilterConfig:config disabled
envoy.config.route.v3.HeaderMatcher:name exact_match range_match present_match invert_match prefix_match suffix_match safe_regex_match contains_match string_match treat_missing_header_as_empty
envoy.config.route.v3.HedgePolicy:*
envoy.config.route.v3.NonForwardingAction:*
envoy.config.route.v3.QueryParameterMatcher:name string_match present_match
envoy.config.route.v3.RedirectAction:host_redirect path_redirect response_code https_redirect prefix_rewrite strip_query scheme_redirect port_redirect regex_rewrite
envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff:reset_headers max_interval
envoy.config.route.v3.RetryPolicy.ResetHeader:name format
envoy.config.route.v3.RetryPolicy.RetryBackOff:base_interval max_interval
envoy.config.route.v3.RetryPolicy.RetryHostPredicate:*
envoy.config.route.v3.RetryPolicy.RetryPriority:name typed_config
envoy.config.route.v3.RetryPolicy:retry_on num_retries per_try_timeout per_try_idle_timeout retry_priority retry_host_predicate retry_options_predicates host_selection_retry_max_attempts retriable_status_codes retry_back_off rate_limited_retry_back_off retriable_headers retriable_request_headers refresh_cluster_on_retry
envoy.config.route.v3.Route:name match route redirect direct_response filter_action non_forwarding_action metadata request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove per_request_buffer_limit_bytes request_body_buffer_limit stat_prefix tracing decorator typed_per_filter_config
envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties:source_ip
envoy.config.route.v3.RouteAction.HashPolicy.Cookie:name ttl path attributes
envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute:name value
envoy.config.route.v3.RouteAction.HashPolicy.FilterState:*
envoy.config.route.v3.RouteAction.HashPolicy.Header:header_name regex_rewrite
envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter:name
envoy.config.route.v3.RouteAction.HashPolicy:header cookie connection_properties terminal query_parameter filter_state
envoy.config.route.v3.RouteAction.MaxStreamDuration:max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset
envoy.config.route.v3.RouteAction.RequestMirrorPolicy:cluster runtime_fraction
envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig:proxy_protocol_config allow_post
envoy.config.route.v3.RouteAction.UpgradeConfig:upgrade_type enabled connect_config
envoy.config.route.v3.RouteAction:cluster cluster_header cluster_specifier_plugin inline_cluster_specifier_plugin weighted_clusters metadata_match prefix_rewrite regex_rewrite path_rewrite_policy host_rewrite_literal host_rewrite_header host_rewrite_path_regex auto_host_rewrite append_x_forwarded_host timeout idle_timeout max_stream_duration max_grpc_timeout grpc_timeout_offset retry_policy priority hash_policy cluster_not_found_response_code upgrade_configs hedge_policy request_mirror_policies
envoy.config.route.v3.RouteConfiguration:name virtual_hosts response_headers_to_add response_headers_to_remove request_headers_to_add request_headers_to_remove request_mirror_policies ignore_port_in_host_matching metadata
envoy.config.route.v3.RouteMatch.ConnectMatcher:*
envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions:*
envoy.config.route.v3.RouteMatch.TlsContextMatchOptions:*
envoy.config.route.v3.RouteMatch:prefix path safe_regex connect_matcher path_separated_prefix path_match_policy case_sensitive runtime_fraction headers query_parameters cookies grpc tls_context dynamic_metadata
envoy.config.route.v3.Tracing:client_sampling random_sampling overall_sampling custom_tags operation upstream_operation
envoy.config.route.v3.VirtualHost:name domains routes require_tls request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove include_request_attempt_count include_attempt_count_in_response include_is_timeout_retry_header typed_per_filter_config retry_policy hedge_policy per_request_buffer_limit_bytes request_body_buffer_limit request_mirror_policies metadata
envoy.config.route.v3.WeightedCluster.ClusterWeight:name weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove host_rewrite_literal
envoy.config.route.v3.WeightedCluster:clusters header_name use_hash_policy
envoy.config.trace.v3.OpenTelemetryConfig:grpc_service http_service service_name resource_detectors sampler max_cache_size set_telemetry_sdk_resource_attributes set_service_name_resource_attribute set_instrumentation_scope
envoy.config.trace.v3.Tracing.Http:name typed_config
envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate:base_interval max_interval
envoy.extensions.clusters.dns.v3.DnsCluster:dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter typed_dns_resolver_config dns_lookup_family all_addresses_in_single_endpoint dns_min_refresh_rate
envoy.extensions.filters.http.admission_control.v3.AdmissionControl:*
envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit:*
envoy.extensions.filters.http.buffer.v3.Buffer:max_request_bytes
envoy.extensions.filters.http.buffer.v3.BufferPerRoute:disabled buffer
envoy.extensions.filters.http.compressor.v3.Compressor:*
envoy.extensions.filters.http.compressor.v3.CompressorPerRoute:*
envoy.extensions.filters.http.custom_response.v3.CustomResponse:*
envoy.extensions.filters.http.fault.v3.HTTPFault:*
envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit:*
envoy.extensions.filters.http.router.v3.Router:suppress_envoy_headers
envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec:
envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol:allow_requests_without_proxy_protocol disallowed_versions
envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector:initial_read_buffer_size close_connection_on_client_hello_parsing_errors max_client_hello_size
envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit:stat_prefix max_connections delay runtime_enabled
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig:*
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.PathNormalizationOptions:*
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing:client_sampling random_sampling overall_sampling verbose max_path_tag_length custom_tags provider spawn_upstream_span operation upstream_operation
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig:upgrade_type enabled
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager:codec_type stat_prefix rds route_config scoped_routes http_filters tracing common_http_protocol_options http1_safe_max_connection_duration http_protocol_options http2_protocol_options server_name server_header_transformation scheme_header_transformation max_request_headers_kb stream_idle_timeout request_timeout request_headers_timeout drain_timeout delayed_close_timeout access_log use_remote_address xff_num_trusted_hops original_ip_detection_extensions early_header_mutation_extensions internal_address_config skip_xff_append via generate_request_id preserve_external_request_id always_set_request_id_in_response forward_client_cert_details proxy_100_continue upgrade_configs normalize_path merge_slashes path_with_escaped_slashes_action path_normalization_options local_reply_config strip_matching_host_port strip_any_host_port strip_trailing_host_dot stream_error_on_invalid_http_message append_x_forwarded_port request_id_extension
envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter:name typed_config disabled
envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig:*
envoy.extensions.filters.network.http_connection_manager.v3.Rds:config_source route_config_name
envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension:typed_config
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes:*
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.OnDemand:*
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig:*
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight:name weight metadata_match
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster:clusters
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy:stat_prefix cluster weighted_clusters on_demand metadata_match idle_timeout access_log max_connect_attempts backoff_options hash_policy tunneling_config max_downstream_connection_duration max_downstream_connection_duration_jitter_percentage proxy_protocol_tlvs upstream_connect_mode check_drain_close
envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink:event_log_path
envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig:
envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig:use_hostname_for_hashing hash_balance_factor hash_policy
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone:min_size
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig:routing_enabled min_cluster_size fail_traffic_on_panic force_locality_direct_routing force_local_zone locality_basis
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig:zone_aware_lb_config locality_weighted_lb_config
envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig:slow_start_window aggression min_weight_percent
envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest:choice_count active_request_bias slow_start_config locality_lb_config enable_full_scan selection_method
envoy.extensions.load_balancing_policies.maglev.v3.Maglev:table_size consistent_hashing_lb_config locality_weighted_lb_config
envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource:header metadata
envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost:override_host_sources selected_host_key fallback_policy
envoy.extensions.load_balancing_policies.random.v3.Random:locality_lb_config
envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash:hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing hash_balance_factor consistent_hashing_lb_config locality_weighted_lb_config
envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin:slow_start_config locality_lb_config
envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig:resolvers dns_resolver_options use_resolvers_as_fallback query_timeout_seconds query_tries rotate_nameservers
envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig:
envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate:
envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig:update_frequency
envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport:config transport_socket
envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer:
envoy.extensions.transport_sockets.tls.v3.CertificateProviderPluginInstance:*
envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.SystemRootCerts:*
envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext:trusted_ca verify_certificate_hash verify_certificate_spki crl allow_expired_certificate trust_chain_verification custom_validator_config ca_certificate_provider_instance match_typed_subject_alt_names max_verify_depth system_root_certs
envoy.extensions.transport_sockets.tls.v3.CommonTlsContext:tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config combined_validation_context alpn_protocols custom_handshaker key_log
envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext:common_tls_context require_client_certificate session_ticket_keys session_ticket_keys_sds_secret_config session_timeout disable_stateless_session_resumption ocsp_staple_policy
envoy.extensions.transport_sockets.tls.v3.GenericSecret:*
envoy.extensions.transport_sockets.tls.v3.PrivateKeyProvider:*
envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig:name sds_config
envoy.extensions.transport_sockets.tls.v3.Secret:name tls_certificate validation_context session_ticket_keys generic_secret
envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher:san_type matcher
envoy.extensions.transport_sockets.tls.v3.TlsCertificate:certificate_chain private_key password private_key_provider pkcs12
envoy.extensions.transport_sockets.tls.v3.TlsKeyLog:*
envoy.extensions.transport_sockets.tls.v3.TlsParameters:tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves signature_algorithms
envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys:*
envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext:common_tls_context sni allow_renegotiation max_session_keys auto_host_sni auto_sni_san_validation
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig:http_protocol_options http2_protocol_options
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig:http_protocol_options http2_protocol_options http3_protocol_options
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig:http_protocol_options http2_protocol_options
envoy.extensions.upstreams.http.v3.HttpProtocolOptions:common_http_protocol_options upstream_http_protocol_options explicit_http_config use_downstream_protocol_config auto_config http_filters hash_policy retry_policy
envoy.type.matcher.v3.MetadataMatcher:*
envoy.type.matcher.v3.RegexMatchAndSubstitute:pattern substitution
envoy.type.matcher.v3.RegexMatcher.GoogleRE2:
envoy.type.matcher.v3.RegexMatcher:google_re2 regex
envoy.type.matcher.v3.StringMatcher:exact prefix suffix safe_regex ignore_case contains custom
envoy.type.tracing.v3.CustomTag.Environment:name default_value
envoy.type.tracing.v3.CustomTag.Header:name default_value
envoy.type.tracing.v3.CustomTag.Literal:value
envoy.type.tracing.v3.CustomTag.Metadata:*
envoy.type.tracing.v3.CustomTag:tag literal environment request_header metadata value
envoy.type.v3.FractionalPercent:numerator denominator
envoy.type.v3.HashPolicy.FilterState:*
envoy.type.v3.HashPolicy.SourceIp:
envoy.type.v3.HashPolicy:source_ip filter_state
envoy.type.v3.Int64Range:start end
envoy.type.v3.Percent:value
";

#[cfg(test)]
mod tests {
    use sluicegate_xds::descriptor::pool;

    use super::*;

    /// A misspelt name here would make a setting refused that is enforced.
    #[test]
    fn every_field_exists() {
        for (message, fields) in READ.iter() {
            let Some(descriptor) = pool().get_message_by_name(message) else {
                panic!("no message {message}");
            };
            for field in fields.iter().filter(|field| **field != "*") {
                let found = descriptor.get_field_by_name(field);
                assert!(found.is_some(), "{message} has no field {field}");
            }
        }
        assert_eq!(
            READ.len(),
            TABLE.lines().count(),
            "a message is there twice"
        );
    }
}
