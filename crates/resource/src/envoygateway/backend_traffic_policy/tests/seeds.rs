// SPDX-License-Identifier: Apache-2.0
//! Every snippet of the founding document, taken from its text, decodes to what it says.

use std::time::Duration;

use crate::{
    Object,
    envoygateway::{
        BackendTrafficPolicy,
        backend_traffic_policy::{
            CircuitBreaker, Connection, ConnectionLimit, ConsistentHash, Cookie, Dns, HashInput,
            HealthCheck, HealthChecker, Http2, HttpHealthCheck, LoadBalancer,
            LoadBalancerAlgorithm, PassiveHealthCheck, ProxyProtocolVersion, Retry, RetryTrigger,
            TargetKind, TcpKeepalive, Timeout,
        },
    },
    testing::{Verdict, assert_verdicts, store},
    value::Written,
};

const DOCUMENT: &str = include_str!("../../../../../../tests/seeds/002_ffee2fb803b5781a.txt");

/// The YAML of the document: paragraphs that begin with `apiVersion:` or `spec:`.
fn snippets() -> Vec<&'static str> {
    let paragraphs = DOCUMENT.split("\n\n");
    paragraphs
        .filter(|text| text.starts_with("apiVersion:") || text.starts_with("spec:"))
        .collect()
}

/// Decodes a snippet. A fragment gets a name and a target.
fn decode(snippet: &str) -> std::sync::Arc<Object<BackendTrafficPolicy>> {
    let text = match snippet.strip_prefix("spec:\n") {
        None => snippet.to_owned(),
        Some(settings) => format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata:\n  \
             name: fragment\nspec:\n  targetRef:\n    kind: HTTPRoute\n    name: my-route\n{settings}\n"
        ),
    };
    let store = store(&text);
    let policy = store.backend_traffic_policies.into_values().next();
    policy.unwrap_or_else(|| panic!("{:#?}\n{text}", store.diagnostics))
}

fn value<T: Clone>(written: Option<&Written<T>>) -> Option<T> {
    written.map(|written| written.value.clone())
}

fn seconds(number: u64) -> Option<Duration> {
    Some(Duration::from_secs(number))
}

fn plain(algorithm: LoadBalancerAlgorithm) -> Option<LoadBalancer> {
    Some(LoadBalancer {
        algorithm,
        slow_start: None,
        zone_aware: None,
        endpoint_override: Vec::new(),
    })
}

fn hash(input: HashInput) -> Option<LoadBalancer> {
    plain(LoadBalancerAlgorithm::ConsistentHash(Some(
        ConsistentHash {
            input,
            table_size: None,
        },
    )))
}

/// Asserts that the snippet sets these blocks and no others.
fn sets(policy: &BackendTrafficPolicy, blocks: &[&str]) {
    let all = [
        ("merge_type", policy.merge_type.is_some()),
        ("routing_type", policy.routing_type.is_some()),
        ("load_balancer", policy.load_balancer.is_some()),
        ("circuit_breaker", policy.circuit_breaker.is_some()),
        ("health_check", policy.health_check.is_some()),
        ("tcp_keepalive", policy.tcp_keepalive.is_some()),
        ("connection", policy.connection.is_some()),
        ("http2", policy.http2.is_some()),
        ("dns", policy.dns.is_some()),
        ("proxy_protocol", policy.proxy_protocol.is_some()),
        ("timeout", policy.timeout.is_some()),
        ("retry", policy.retry.is_some()),
    ];
    let set: Vec<&str> = all
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(set, blocks);
}

fn breaker(policy: &BackendTrafficPolicy) -> [Option<u32>; 5] {
    let breaker = policy.circuit_breaker.as_ref().expect("a block");
    let CircuitBreaker {
        max_connections,
        max_pending_requests,
        max_parallel_requests,
        max_parallel_retries,
        max_connection_pools,
        max_requests_per_connection: None,
        per_endpoint_max_connections: None,
        retry_budget: None,
    } = &breaker.value
    else {
        panic!("{breaker:#?}");
    };
    [
        *max_connections,
        *max_pending_requests,
        value(max_parallel_requests.as_ref()),
        value(max_parallel_retries.as_ref()),
        *max_connection_pools,
    ]
}

fn retry(
    policy: &BackendTrafficPolicy,
    retries: u32,
    triggers: &[RetryTrigger],
    per_try: Option<Duration>,
) -> Retry {
    let retry = policy.retry.as_ref().expect("a block").value.clone();
    assert_eq!(retry.num_retries, Some(retries));
    assert_eq!(retry.triggers.as_deref(), Some(triggers));
    assert_eq!(value(retry.per_retry_timeout.as_ref()), per_try);
    assert_eq!(retry.http_status_codes, None);
    retry
}

fn active(policy: &BackendTrafficPolicy) -> (HttpHealthCheck, [Option<u64>; 4]) {
    let health = policy.health_check.as_ref().expect("a block");
    let check = health.value.active.as_ref().expect("a check").value.clone();
    let HealthChecker::Http(http) = check.checker else {
        panic!("http");
    };
    let numbers = [
        check.timeout.map(|it| it.as_secs()),
        check.interval.map(|it| it.as_secs()),
        check.unhealthy_threshold.map(u64::from),
        check.healthy_threshold.map(u64::from),
    ];
    (http, numbers)
}

fn http_check(path: &str, statuses: &[u16], body: Option<&str>) -> HttpHealthCheck {
    HttpHealthCheck {
        path: path.to_owned(),
        hostname: None,
        method: None,
        expected_statuses: statuses.to_vec(),
        retriable_statuses: Vec::new(),
        expected_response: body.map(|text| text.as_bytes().to_vec()),
        request_body: None,
    }
}

fn passive(health: &HealthCheck) -> PassiveHealthCheck {
    health.passive.as_ref().expect("a check").value.clone()
}

/// Four objects, fifteen fragments; all are accepted, with exactly these doubts.
#[test]
fn every_snippet_is_accepted() {
    let snippets = snippets();
    assert_eq!(snippets.len(), 19);
    let whole = snippets
        .iter()
        .filter(|text| text.starts_with("apiVersion:"));
    assert_eq!(whole.count(), 4);
    let body: Verdict<'_> = (
        "doubtful-value",
        "spec.healthCheck.active.http.expectedStatuses",
        "204 has no body",
    );
    for (index, snippet) in snippets.iter().enumerate() {
        let policy = decode(snippet);
        assert!(policy.is_valid(), "{snippet}\n{:#?}", policy.diagnostics);
        let expected: &[Verdict<'_>] = if index == 5 { &[body] } else { &[] };
        assert_verdicts(snippet, &policy.diagnostics, expected);
        let target = &policy.spec.targets[0].value;
        assert_eq!(target.kind, TargetKind::HttpRoute);
        assert_eq!(policy.metadata.namespace(), "default");
    }
}

#[test]
fn objects() {
    use LoadBalancerAlgorithm::{LeastRequest, RoundRobin};
    use RetryTrigger::{ConnectFailure, FiveXx, Reset};
    let snippets = snippets();
    let whole: Vec<_> = snippets
        .iter()
        .filter(|text| text.starts_with("apiVersion:"))
        .map(|text| decode(text))
        .collect();
    let names: Vec<_> = whole
        .iter()
        .map(|policy| {
            (
                policy.metadata.name(),
                policy.spec.targets[0].value.name.as_str(),
            )
        })
        .collect();
    let expected = [
        ("backend-policy", "my-route"),
        ("ha-backend", "api-route"),
        ("session-affinity", "webapp-route"),
        ("websocket-backend", "websocket-route"),
    ];
    assert_eq!(names, expected);

    let basic = &whole[0].spec;
    sets(basic, &["load_balancer", "timeout"]);
    assert_eq!(value(basic.load_balancer.as_ref()), plain(RoundRobin));
    let timeout = Timeout {
        connect_timeout: seconds(10),
        request_timeout: seconds(30),
        ..Timeout::default()
    };
    assert_eq!(value(basic.timeout.as_ref()), Some(timeout));

    let available = &whole[1].spec;
    sets(
        available,
        &["load_balancer", "circuit_breaker", "health_check", "retry"],
    );
    assert_eq!(value(available.load_balancer.as_ref()), plain(LeastRequest));
    let limits = [Some(2048), Some(1024), Some(2048), None, None];
    assert_eq!(breaker(available), limits);
    let (http, numbers) = active(available);
    assert_eq!(http, http_check("/health", &[200], None));
    assert_eq!(numbers, [Some(2), Some(5), Some(2), Some(2)]);
    let outliers = passive(&available.health_check.as_ref().expect("a block").value);
    assert_eq!(value(outliers.consecutive_5xx_errors.as_ref()), Some(5));
    assert_eq!(
        (outliers.interval, outliers.base_ejection_time),
        (None, seconds(30))
    );
    assert_eq!(outliers.max_ejection_percent, Some(50));
    retry(available, 3, &[FiveXx, Reset, ConnectFailure], seconds(3));

    let sticky = &whole[2].spec;
    sets(sticky, &["load_balancer"]);
    let cookie = Cookie {
        name: "session-cookie".to_owned(),
        ttl: seconds(3600),
        path: Some("/".to_owned()),
        attributes: Default::default(),
    };
    assert_eq!(
        value(sticky.load_balancer.as_ref()),
        hash(HashInput::Cookie(cookie))
    );

    let long = &whole[3].spec;
    sets(long, &["tcp_keepalive", "timeout"]);
    let timeout = Timeout {
        request_timeout: seconds(0),
        connection_idle_timeout: seconds(3600),
        stream_idle_timeout: seconds(3600),
        ..Timeout::default()
    };
    assert_eq!(value(long.timeout.as_ref()), Some(timeout));
    assert_eq!(
        value(long.tcp_keepalive.as_ref()),
        Some(keepalive(3, 300, 60))
    );
}

fn keepalive(probes: u32, idle: u64, interval: u64) -> TcpKeepalive {
    TcpKeepalive {
        probes: Some(probes),
        idle_time: seconds(idle),
        interval: seconds(interval),
    }
}

fn fragments() -> Vec<BackendTrafficPolicy> {
    let snippets = snippets();
    let fragments = snippets.iter().filter(|text| text.starts_with("spec:"));
    fragments.map(|text| decode(text).spec.clone()).collect()
}

#[test]
fn fragments_about_balancing_and_health() {
    use LoadBalancerAlgorithm::{LeastRequest, RoundRobin};
    let fragments = fragments();
    let [any, by_source, least, limits, asked, watched, ..] = fragments.as_slice() else {
        panic!("fifteen");
    };
    sets(any, &["load_balancer"]);
    assert_eq!(value(any.load_balancer.as_ref()), plain(RoundRobin));
    assert_eq!(
        value(by_source.load_balancer.as_ref()),
        hash(HashInput::SourceIp)
    );
    let warm = plain(LeastRequest).map(|plain| LoadBalancer {
        slow_start: seconds(30),
        ..plain
    });
    assert_eq!(value(least.load_balancer.as_ref()), warm);
    sets(limits, &["circuit_breaker"]);
    let expected = [Some(1024), Some(1024), Some(1024), Some(3), Some(512)];
    assert_eq!(breaker(limits), expected);
    sets(asked, &["health_check"]);
    let (http, numbers) = active(asked);
    assert_eq!(http, http_check("/healthz", &[200, 204], Some("ok")));
    assert_eq!(numbers, [Some(1), Some(5), Some(3), Some(2)]);
    let outliers = passive(&watched.health_check.as_ref().expect("a block").value);
    assert_eq!(value(outliers.consecutive_5xx_errors.as_ref()), Some(5));
    let rest = PassiveHealthCheck {
        consecutive_5xx_errors: outliers.consecutive_5xx_errors.clone(),
        interval: seconds(10),
        base_ejection_time: seconds(30),
        max_ejection_percent: Some(50),
        split_external_local_origin_errors: Some(true),
        ..PassiveHealthCheck::default()
    };
    assert_eq!(outliers, rest);
}

#[test]
fn fragments_about_connections_and_time() {
    use RetryTrigger::{ConnectFailure, FiveXx, Reset, Retriable4xx};
    let fragments = fragments();
    let [tcp, http2, retried, timed, proxied, named] = &fragments[6..12] else {
        panic!("fifteen");
    };
    sets(tcp, &["tcp_keepalive", "connection"]);
    assert_eq!(
        value(tcp.tcp_keepalive.as_ref()),
        Some(keepalive(3, 300, 60))
    );
    let connection = Connection {
        buffer_limit: Some(32_768),
        connection_limit: Some(ConnectionLimit {
            value: 100,
            close_delay: seconds(5),
        }),
        ..Connection::default()
    };
    assert_eq!(value(tcp.connection.as_ref()), Some(connection));
    let options = Http2 {
        initial_stream_window_size: Some(65_536),
        initial_connection_window_size: Some(1_048_576),
        max_concurrent_streams: Some(100),
        ..Http2::default()
    };
    assert_eq!(value(http2.http2.as_ref()), Some(options));
    let triggers = [FiveXx, Reset, ConnectFailure, Retriable4xx];
    let waits = retry(retried, 3, &triggers, seconds(5));
    let base = Some(Duration::from_millis(100));
    assert_eq!(value(waits.base_interval.as_ref()), base);
    assert_eq!(value(waits.max_interval.as_ref()), seconds(10));
    let timeout = Timeout {
        connect_timeout: seconds(10),
        request_timeout: seconds(30),
        connection_idle_timeout: seconds(300),
        max_connection_duration: seconds(3600),
        max_stream_duration: None,
        stream_idle_timeout: seconds(300),
    };
    assert_eq!(value(timed.timeout.as_ref()), Some(timeout));
    sets(proxied, &["proxy_protocol"]);
    let version = value(proxied.proxy_protocol.as_ref());
    assert_eq!(version, Some(ProxyProtocolVersion::V1));
    assert!(proxied.secures_connection);
    let dns = Dns {
        dns_refresh_rate: seconds(30),
        respect_dns_ttl: Some(true),
        lookup_family: None,
    };
    assert_eq!(value(named.dns.as_ref()), Some(dns));
}

#[test]
fn common_patterns() {
    use LoadBalancerAlgorithm::{LeastRequest, RoundRobin};
    use RetryTrigger::{ConnectFailure, FiveXx, Reset};
    let fragments = fragments();
    let [api, database, service] = &fragments[12..] else {
        panic!("fifteen");
    };
    sets(api, &["load_balancer", "health_check", "timeout", "retry"]);
    assert_eq!(value(api.load_balancer.as_ref()), plain(LeastRequest));
    retry(api, 2, &[FiveXx, Reset], None);
    let (http, numbers) = active(api);
    assert_eq!(http, http_check("/health", &[], None));
    assert_eq!(numbers, [None, Some(10), None, None]);
    let timeout = value(api.timeout.as_ref()).expect("a block");
    assert_eq!(timeout.request_timeout, seconds(30));

    sets(
        database,
        &["load_balancer", "tcp_keepalive", "connection", "timeout"],
    );
    assert_eq!(
        value(database.load_balancer.as_ref()),
        hash(HashInput::SourceIp)
    );
    let limit = ConnectionLimit {
        value: 50,
        close_delay: None,
    };
    let connection = value(database.connection.as_ref()).expect("a block");
    assert_eq!(connection.connection_limit, Some(limit));
    let timeout = value(database.timeout.as_ref()).expect("a block");
    assert_eq!(timeout.connect_timeout, seconds(5));
    assert_eq!(
        value(database.tcp_keepalive.as_ref()),
        Some(keepalive(3, 600, 75))
    );

    sets(
        service,
        &["load_balancer", "circuit_breaker", "health_check", "retry"],
    );
    assert_eq!(value(service.load_balancer.as_ref()), plain(RoundRobin));
    let limits = [Some(1024), None, Some(1024), None, None];
    assert_eq!(breaker(service), limits);
    retry(service, 3, &[FiveXx, Reset, ConnectFailure], seconds(2));
    let outliers = passive(&service.health_check.as_ref().expect("a block").value);
    assert_eq!(value(outliers.consecutive_5xx_errors.as_ref()), Some(5));
    assert_eq!(
        (outliers.interval, outliers.max_ejection_percent),
        (seconds(30), None)
    );
}

/// The comment of a snippet names five values of `type`.
#[test]
fn every_algorithm_that_a_comment_names() {
    let comment = DOCUMENT
        .lines()
        .find_map(|line| line.trim().strip_prefix("type: RoundRobin  # "))
        .expect("the comment");
    let names: Vec<&str> = comment.split(", ").collect();
    assert_eq!(names.len(), 5);
    let verdict = |name: &str| {
        let policy = decode(&format!("spec:\n  loadBalancer:\n    type: {name}"));
        let code = policy.diagnostics.iter().map(|found| found.code);
        let other = code
            .filter(|code| *code != "not-enforced")
            .collect::<Vec<_>>();
        (policy.is_valid(), other)
    };
    for name in names {
        let expected = match name {
            "ConsistentHash" => (false, vec!["invalid-value"]),
            "Maglev" => (true, vec!["hash-without-input"]),
            _ => (true, vec![]),
        };
        assert_eq!(verdict(name), expected, "{name}");
    }
}
