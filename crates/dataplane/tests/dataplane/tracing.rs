// SPDX-License-Identifier: Apache-2.0
//! Tracing: contexts that go upstream, and spans that a collector gets.

mod spans;

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::{
                GrpcService,
                grpc_service::{EnvoyGrpc, TargetSpecifier},
            },
            route::v3::{Decorator, RetryPolicy, Route, Tracing as RouteTracing},
            trace::v3::{OpenTelemetryConfig, tracing::Http, tracing::http},
        },
        extensions::filters::network::http_connection_manager::v3::{
            HttpConnectionManager, http_connection_manager::Tracing,
        },
        r#type::{
            tracing::v3::{
                CustomTag,
                custom_tag::{Literal, Type},
            },
            v3::{FractionalPercent, Percent},
        },
    },
};

use sluicegate_testkit::free_address;

use crate::support::{
    Gateway, Upstream,
    collector::{Collector, attribute},
    gateway::{Resources, eventually},
    http2, plane, xds,
};

const PARENT: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

/// Tracing with the cluster `collector` as its collector.
fn tracing(spawn: bool) -> Tracing {
    let config = OpenTelemetryConfig {
        grpc_service: Some(GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name: "collector".to_owned(),
                ..EnvoyGrpc::default()
            })),
            ..GrpcService::default()
        }),
        service_name: "shop".to_owned(),
        ..OpenTelemetryConfig::default()
    };
    Tracing {
        spawn_upstream_span: if spawn { xds::yes() } else { None },
        provider: Some(Http {
            name: "envoy.tracers.opentelemetry".to_owned(),
            config_type: Some(http::ConfigType::TypedConfig(any::pack(&config))),
        }),
        ..Tracing::default()
    }
}

fn tag(name: &str, of: Type) -> CustomTag {
    CustomTag {
        tag: name.to_owned(),
        r#type: Some(of),
    }
}

fn literal(name: &str, value: &str) -> CustomTag {
    let value = value.to_owned();
    tag(name, Type::Literal(Literal { value }))
}

/// Clusters `c` with this upstream, `refused` with a closed port, `none` without endpoints.
fn resources(
    backend: &Backend,
    collector: &Collector,
    change: impl FnOnce(&mut HttpConnectionManager),
) -> Resources {
    let mut resources = Resources::simple(&[backend.upstream.address]);
    resources.listeners = vec![xds::listener(change)];
    let refused = free_address();
    for (name, address) in [
        ("collector", Some(collector.address())),
        ("refused", Some(refused)),
        ("none", None),
    ] {
        resources.clusters.push(xds::cluster(name, |cluster| {
            if name == "collector" {
                xds::http2(cluster, Default::default(), Default::default());
            }
        }));
        let addresses = address.as_slice();
        resources.endpoints.push(xds::endpoints(name, addresses));
    }
    resources.routes = vec![xds::routes(vec![
        xds::route("/none", "none", |_| {}),
        xds::route("/refused", "refused", |_| {}),
        xds::route("/slow", "c", |route| route.timeout = xds::seconds(0.3)),
        xds::route("/retry", "c", |route| {
            route.retry_policy = Some(RetryPolicy {
                retry_on: "5xx".to_owned(),
                ..RetryPolicy::default()
            });
        }),
        untraced(),
        decorated(),
        xds::route("/", "c", |_| {}),
    ])];
    resources
}

/// Nothing is drawn.
fn untraced() -> Route {
    Route {
        tracing: Some(RouteTracing {
            random_sampling: Some(FractionalPercent::default()),
            ..RouteTracing::default()
        }),
        ..xds::route("/untraced", "c", |_| {})
    }
}

fn decorated() -> Route {
    Route {
        tracing: Some(RouteTracing {
            custom_tags: vec![literal("of", "the route"), literal("more", "yes")],
            ..RouteTracing::default()
        }),
        decorator: Some(Decorator {
            operation: "checkout".to_owned(),
            propagate: None,
        }),
        ..xds::route("/decorated", "c", |route| {
            route.prefix_rewrite = "/x".to_owned()
        })
    }
}

fn start(resources: &Resources) -> Gateway {
    let gateway = Gateway::with(resources, |options| options.node_id = "peer".to_owned());
    gateway.assert_enforced();
    gateway
}

/// What it answers depends on the path.
struct Backend {
    upstream: Upstream,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    fn start() -> Self {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (kept, retries) = (heads.clone(), AtomicUsize::new(0));
        let upstream = Upstream::start(move |exchange| {
            exchange.read_body();
            let path = exchange.head.split(' ').nth(1).unwrap().to_owned();
            kept.lock().unwrap().push(exchange.head.clone());
            let status = match path.as_str() {
                "/reset" => return false,
                "/slow" => {
                    thread::sleep(Duration::from_secs(2));
                    return false;
                }
                "/missing" => "404 Not Found",
                "/broken" => "500 Internal Server Error",
                "/retry" if retries.fetch_add(1, SeqCst) == 0 => "503 Service Unavailable",
                _ => "200 OK",
            };
            let response = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
            exchange.stream.write_all(response.as_bytes()).is_ok()
        });
        Self { upstream, heads }
    }

    /// The last head, and `x-request-id` of it.
    fn last(&self) -> (String, String) {
        let heads = self.heads.lock().unwrap();
        let head = heads.last().unwrap().clone();
        let mut ids = head
            .lines()
            .filter_map(|line| line.strip_prefix("x-request-id: "));
        let id = ids.next().unwrap().to_owned();
        assert_eq!(ids.next(), None, "{head}");
        (head, id)
    }
}

#[test]
fn without_spans_of_attempts_the_request_s_own_goes_upstream() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let gateway = start(&resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(false));
        manager.use_remote_address = xds::yes();
    }));
    assert_eq!(gateway.client().get("/retry").status(), 200);
    let trace = collector.trace("/retry", 0);
    let heads = backend.heads.lock().unwrap();
    let id: String = trace[0]
        .span_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(heads.len(), 2);
    for head in heads.iter() {
        assert!(
            head.contains(&format!("-{id}-01\r\ntracestate: ")),
            "{head}"
        );
    }
}

#[test]
fn a_client_s_context_is_continued() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let gateway = start(&resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(true));
    }));
    let mut ask = gateway.client();
    let mut sent = |path: &str, fields: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}X-Last: 1\r\n\r\n");
        assert_eq!(ask.ask(request).status(), 200);
        let (head, _) = backend.last();
        let lines = head
            .lines()
            .skip_while(|line| !line.starts_with("x-envoy-expected"));
        let lines: Vec<String> = lines.skip(1).map(str::to_owned).collect();
        let early = head.lines().filter(|line| line.starts_with("trace"));
        (lines.clone(), early.count(), head)
    };
    // Sampled.
    let (lines, _, _) = sent(
        "/sampled",
        &format!(
            "traceparent: 00-{PARENT}-01\r\ntracestate: a=b\r\nX-Mid: 1\r\ntracestate: c=d\r\n"
        ),
    );
    let told = collector.trace("/sampled", 1);
    assert_eq!((told[0].flags, told[1].flags), (0x301, 0x101));
    assert_eq!(
        [&*told[0].trace_state, &told[1].trace_state],
        ["a=b,c=d"; 2]
    );
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let (trace, span) = PARENT.split_once('-').unwrap();
    assert_eq!(
        (hex(&told[0].trace_id), hex(&told[0].parent_span_id)),
        (trace.to_owned(), span.to_owned())
    );
    let attempt = hex(&told[1].span_id);
    assert_eq!(
        lines[..2],
        [
            format!("traceparent: 00-{trace}-{attempt}-01"),
            "tracestate: a=b,c=d".to_owned()
        ]
    );
    // Not sampled by the client, or not here.
    for (path, flags) in [
        ("/unsampled", "00"),
        ("/untraced", "01"),
        ("/untraced", "00"),
    ] {
        let (lines, count, head) = sent(path, &format!("traceparent: 00-{PARENT}-{flags}\r\n"));
        assert!(
            lines[0].starts_with(&format!("traceparent: 00-{trace}-")),
            "{head}"
        );
        assert!(
            lines[0].ends_with("-00") && !lines[0].contains(span),
            "{head}"
        );
        assert_eq!((lines[1].trim_end(), count), ("tracestate:", 2), "{head}");
    }
    // Begun here: without a parent there is no state either.
    let (lines, count, head) = sent("/begun", "tracestate: a=b\r\n");
    assert!(
        lines[0].ends_with("-01") && lines[1].trim_end() == "tracestate:",
        "{head}"
    );
    assert_eq!(count, 2, "{head}");
    // No context at all: it goes on as it is.
    for value in [
        "nonsense",
        &format!("00-{PARENT}-01-x"),
        &format!("00-{}-01", PARENT.replace(trace, &"0".repeat(32))),
    ] {
        let fields = format!("traceparent: {value}\r\ntracestate: a=b\r\n");
        let (lines, count, head) = sent("/malformed", &fields);
        assert!(
            head.contains(&format!("\r\ntraceparent: {value}\r\ntracestate: a=b\r\n")),
            "{head}"
        );
        assert_eq!(
            (
                lines
                    .iter()
                    .filter(|line| line.starts_with("trace"))
                    .count(),
                count
            ),
            (0, 2)
        );
    }
    collector.trace("/begun", 1);
    let spans = collector.spans();
    let untold = ["/unsampled", "/untraced", "/malformed"];
    let url = |path: &&str| {
        spans
            .iter()
            .any(|span| attribute(span, "http.url").is_some_and(|url| url.ends_with(path)))
    };
    assert_eq!(untold.iter().find(|path| url(path)), None);
}

#[test]
fn request_ids_carry_the_reason() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let gateway = start(&resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(true));
    }));
    let mut ask = gateway.client();
    let mut id = |path: &str, fields: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(ask.ask(request).status(), 200);
        let (head, id) = backend.last();
        (id, head.contains("-01\r\ntracestate"))
    };
    let reason = |(id, sampled): (String, bool)| (id.as_bytes()[14] as char, sampled);
    assert_eq!(reason(id("/", "")), ('9', true));
    assert_eq!(reason(id("/untraced", "")), ('4', false));
    assert_eq!(
        reason(id("/untraced", "x-client-trace-id: me\r\n")),
        ('b', true)
    );
    assert_eq!(
        reason(id("/untraced", "x-envoy-force-trace: 1\r\n")),
        ('4', false)
    );
    let with = |digit: &str| format!("9d17aa26-f4d1-{digit}9ae-aa74-7b02c6b4f37c");
    let line = |id: &str| format!("x-request-id: {id}\r\n");
    assert_eq!(id("/", &line(&with("4"))), (with("9"), true));
    assert_eq!(id("/untraced", &line(&with("4"))), (with("4"), false));
    for digit in ["9", "a", "b"] {
        assert_eq!(id("/untraced", &line(&with(digit))), (with(digit), true));
    }
    assert_eq!(id("/", &line("mine")), ("mine".to_owned(), false));
    assert_eq!(
        id("/", &line("12345678mine")),
        ("12345678mine".to_owned(), true)
    );
    gateway.expect("http.test.tracing.client_enabled", 2);
    gateway.expect("http.test.tracing.service_forced", 1);
    gateway.expect("http.test.tracing.random_sampling", 4);
    gateway.expect("http.test.tracing.not_traceable", 4);
}

#[test]
fn shares_of_the_whole_decide_last() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let none = Some(Percent { value: 0.0 });
    for (overall, random, client_trace, reason) in [
        (none, None, "", '4'),
        (none, None, "x-client-trace-id: me\r\n", '4'),
        (None, none, "", '4'),
        (None, none, "x-client-trace-id: me\r\n", 'b'),
        (Some(Percent { value: 100.0 }), None, "", '9'),
    ] {
        let gateway = start(&resources(&backend, &collector, |manager| {
            manager.tracing = Some(Tracing {
                overall_sampling: overall,
                random_sampling: random,
                ..tracing(true)
            });
        }));
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{client_trace}\r\n");
        assert_eq!(gateway.client().ask(request).status(), 200);
        let (head, id) = backend.last();
        assert_eq!(id.as_bytes()[14] as char, reason, "{head}");
    }
}

/// Envoy counts them as sent.
#[test]
fn spans_that_nobody_takes_are_dropped_and_requests_go_on() {
    let (backend, collector) = (Backend::start(), Collector::start());
    collector.status.store(14, SeqCst);
    let gateway = start(&resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(true));
    }));
    let mut ask = gateway.client();
    for _ in 0..10 {
        assert_eq!(ask.get("/good").status(), 200);
    }
    let ours = !plane::differs("spans that a collector does not take");
    let dropped = || gateway.stat("tracing.opentelemetry.spans_dropped");
    eventually("they are counted", || {
        let sent = gateway.stat("tracing.opentelemetry.spans_sent");
        [sent, dropped()] == if ours { [0, 20] } else { [20, 0] }
    });
    collector.status.store(0, SeqCst);
    assert_eq!(ask.get("/again").status(), 200);
    if ours {
        http2::run(gateway.own().drain());
        assert_eq!(collector.spans().len(), 2, "drained is told");
    } else {
        collector.trace("/again", 1);
    }
    gateway.expect(
        "tracing.opentelemetry.spans_sent",
        if ours { 2 } else { 22 },
    );
}
