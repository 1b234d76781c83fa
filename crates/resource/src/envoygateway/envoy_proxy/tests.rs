// SPDX-License-Identifier: Apache-2.0
//! What EnvoyProxies say about telemetry, and what is said about them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::EnvoyProxy;
use crate::{
    Object,
    telemetry::{Collector, Emitter, LogFormat},
    testing::{Verdict, assert_verdicts, manifest, store},
};

fn proxy(spec: &str) -> Arc<Object<EnvoyProxy>> {
    let store = store(&manifest(
        "gateway.envoyproxy.io/v1alpha1",
        "EnvoyProxy",
        spec,
    ));
    let proxy = store.envoy_proxies.into_values().next();
    proxy.unwrap_or_else(|| panic!("{:#?}", store.diagnostics))
}

#[test]
fn logs_are_the_sinks_of_all_settings() {
    let proxy = proxy(
        "telemetry: {accessLog: {settings: [\
         {format: {type: Text, text: \"%PROTOCOL%\\n\"}, sinks: [{type: File, file: {path: /a}}, {type: File, file: {path: /b}}]}, \
         {type: Listener, format: {type: JSON, json: {p: '%PROTOCOL%'}}, sinks: [{type: File, file: {path: /c}}]}, \
         {type: Route, sinks: [{type: File, file: {path: /d}}]}]}}",
    );
    assert_verdicts("", &proxy.diagnostics, &[]);
    let logs = &proxy.spec.access_logs;
    let shown: Vec<_> = logs
        .iter()
        .map(|log| (log.path.as_str(), log.emitter))
        .collect();
    assert_eq!(
        shown,
        [
            ("/a", Emitter::Any),
            ("/b", Emitter::Any),
            ("/c", Emitter::Listener),
            ("/d", Emitter::Route)
        ]
    );
    assert_eq!(logs[0].format, LogFormat::Text("%PROTOCOL%\n".to_owned()));
    assert_eq!(
        logs[1].place.to_string(),
        "spec.telemetry.accessLog.settings[0].sinks[1]"
    );
    assert_eq!(logs[3].format, LogFormat::envoy_gateway());
}

#[test]
fn an_empty_block_is_envoy_gateways_default_and_none_is_silence() {
    let default = proxy("telemetry: {accessLog: {}}");
    assert_eq!(default.spec.access_logs[0].path, "/dev/stdout");
    assert!(
        proxy("telemetry: {accessLog: {disable: true}}")
            .spec
            .access_logs
            .is_empty()
    );
    assert!(proxy("telemetry: {}").spec.access_logs.is_empty());
}

#[test]
fn traces_go_to_an_address_or_a_backend() {
    let found = proxy(
        "telemetry: {tracing: {samplingFraction: {numerator: 1, denominator: 200}, provider: {type: OpenTelemetry, host: otel.monitoring.svc}, \
         customTags: {k: {type: Literal, literal: {value: v}}}}}",
    );
    assert_verdicts("", &found.diagnostics, &[]);
    let tracing = found.spec.tracing.as_ref().expect("tracing");
    assert!((tracing.random_sampling - 0.5).abs() < 1e-9);
    let collector = Collector::Address {
        host: "otel.monitoring.svc".to_owned(),
        port: 4317,
    };
    assert_eq!(tracing.collector, collector);
    let found = proxy(
        "telemetry: {tracing: {provider: {type: OpenTelemetry, backendRefs: [{name: otel, port: 4317}]}}}",
    );
    let tracing = found.spec.tracing.as_ref().expect("tracing");
    assert!(matches!(&tracing.collector, Collector::Backend(it) if it.name == "otel"));
}

#[test]
fn what_is_wrong_or_not_implemented_is_named() {
    let cases: [(&str, &[Verdict<'_>]); 13] = [
        (
            "telemetry: {accessLog: {settings: [{type: Upstream, sinks: [{type: File, file: {path: /a}}]}]}}",
            &[(
                "unsupported-field",
                "spec.telemetry.accessLog.settings[0].type",
                "nothing is written",
            )],
        ),
        (
            "provider: {type: Kubernetes}\nlogging: {level: {default: debug}}\ntelemetry: {metrics: {}}",
            &[(
                "unsupported-field",
                "spec",
                "not read: `logging`, `telemetry.metrics`",
            )],
        ),
        (
            "telemetry: {accessLog: {settings: [{format: {type: Text, text: '%RESPONSE_COD%'}, sinks: [{type: File, file: {path: /a}}]}]}}",
            &[(
                "invalid-value",
                "spec.telemetry.accessLog.settings[0].format.text",
                "did you mean %RESPONSE_CODE%?",
            )],
        ),
        (
            "telemetry: {accessLog: {settings: [{format: {type: JSON, json: {a: {b: '50%'}}}, sinks: [{type: File, file: {path: /a}}]}]}}",
            &[(
                "invalid-value",
                "spec.telemetry.accessLog.settings[0].format.json.a.b",
                "percent sign as %%",
            )],
        ),
        (
            "telemetry: {accessLog: {settings: [{format: {type: Text}, sinks: [{type: File, file: {path: /a}}]}]}}",
            &[(
                "invalid-value",
                "spec.telemetry.accessLog.settings[0].format",
                "text field needs to be set",
            )],
        ),
        (
            "telemetry: {accessLog: {settings: [{sinks: [{type: ALS, als: {}}, {type: OpenTelemetry, openTelemetry: {host: a}}]}]}}",
            &[
                (
                    "unsupported-field",
                    "spec.telemetry.accessLog.settings[0].sinks[0].type",
                    "sink type `ALS`",
                ),
                (
                    "unsupported-field",
                    "spec.telemetry.accessLog.settings[0].sinks[1].type",
                    "sink type `OpenTelemetry`",
                ),
            ],
        ),
        (
            "telemetry: {accessLog: {settings: [{matches: ['response.code >= 400'], sinks: [{type: File, file: {path: /a}}]}]}}",
            &[(
                "unsupported-field",
                "spec.telemetry.accessLog.settings[0].matches",
                "every line is written",
            )],
        ),
        (
            "telemetry: {accessLog: {settings: [{sinks: [{type: File}, {type: File, file: {path: ''}}]}]}}",
            &[
                (
                    "required-value",
                    "spec.telemetry.accessLog.settings[0].sinks[0].file",
                    "Required",
                ),
                (
                    "invalid-value",
                    "spec.telemetry.accessLog.settings[0].sinks[1].file.path",
                    "at least 1",
                ),
            ],
        ),
        (
            "telemetry: {accessLog: {setings: []}}",
            &[(
                "unknown-field",
                "spec.telemetry.accessLog.setings",
                "did you mean `settings`?",
            )],
        ),
        (
            "telemetry: {tracing: {provider: {type: Zipkin, host: a}}}",
            &[(
                "unsupported-field",
                "spec.telemetry.tracing.provider.type",
                "no spans are made",
            )],
        ),
        (
            "telemetry: {tracing: {samplingRate: 5, samplingFraction: {numerator: 1}, provider: {type: OpenTelemetry, host: a}}}",
            &[(
                "invalid-value",
                "spec.telemetry.tracing.samplingFraction",
                "only one of",
            )],
        ),
        (
            "telemetry: {tracing: {provider: {type: OpenTelemetry}}}",
            &[(
                "invalid-value",
                "spec.telemetry.tracing.provider",
                "host or backendRefs",
            )],
        ),
        (
            "telemetry: {tracing: {provider: {type: OpenTelemetry, host: a}, customTags: {'': {type: Literal, literal: {value: ''}}}}}",
            &[
                (
                    "invalid-value",
                    "spec.telemetry.tracing.customTags.",
                    "a tag needs a name",
                ),
                (
                    "invalid-value",
                    "spec.telemetry.tracing.customTags..literal.value",
                    "at least 1",
                ),
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_verdicts(spec, &proxy(spec).diagnostics, expected);
    }
}

/// What is said about every `provider.kubernetes`.
const OF_CLUSTERS: Verdict<'_> = (
    "no-effect",
    "spec.provider.kubernetes",
    "needs `run --kubernetes`",
);

#[test]
fn what_a_gateway_gets_in_a_cluster_is_read() {
    let found = proxy(
        "provider: {type: Kubernetes, kubernetes: {\
         envoyDeployment: {replicas: 3, container: {image: 'envoy:1', resources: {limits: {cpu: '0.5'}}}, \
         pod: {labels: {a: b}, annotations: {c: d}, nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}]}}, \
         envoyService: {type: NodePort, labels: {e: f}, externalTrafficPolicy: Cluster}, \
         envoyHpa: {minReplicas: 2, maxReplicas: 5}, envoyPDB: {maxUnavailable: 25%}}}",
    );
    assert_verdicts("", &found.diagnostics, &[OF_CLUSTERS]);
    let provider = &found.spec.provider;
    let deployment = &provider.deployment;
    assert_eq!(deployment.replicas, Some(3));
    assert_eq!(deployment.image.as_deref(), Some("envoy:1"));
    assert_eq!(
        deployment.resources,
        Some(json!({ "limits": { "cpu": "0.5" } }))
    );
    assert_eq!(deployment.labels["a"], "b");
    assert_eq!(deployment.annotations["c"], "d");
    assert_eq!(
        Value::from(deployment.pod.clone()),
        json!({ "nodeSelector": { "disk": "ssd" }, "tolerations": [{ "operator": "Exists" }] })
    );
    assert_eq!(provider.service.labels["e"], "f");
    assert_eq!(
        Value::from(provider.service.spec.clone()),
        json!({ "type": "NodePort", "externalTrafficPolicy": "Cluster" })
    );
    let autoscaler = provider.autoscaler.as_ref().expect("an autoscaler");
    assert_eq!(
        (autoscaler.min_replicas, autoscaler.max_replicas),
        (Some(2), 5)
    );
    let budget = ("maxUnavailable", json!("25%"));
    assert_eq!(provider.disruption_budget, Some(budget));
}

#[test]
fn what_is_not_enforced_of_a_cluster_is_named() {
    let cases: [(&str, &[(&str, &str)]); 6] = [
        (
            "useListenerPortAsContainerPort: true, envoyServiceAccount: {name: a}, envoyDaemonSet: {}",
            &[
                ("unsupported-field", "useListenerPortAsContainerPort"),
                ("unsupported-field", "envoyServiceAccount"),
                ("unsupported-field", "envoyDaemonSet"),
            ],
        ),
        (
            "envoyDeployment: {name: a, patch: {value: {}}, strategy: {}, initContainers: [], container: {env: [], volumeMounts: [], \
             securityContext: {}, imageRepository: a}, pod: {volumes: [], securityContext: {}}}",
            &[
                ("unsupported-field", "envoyDeployment.name"),
                ("unsupported-field", "envoyDeployment.patch"),
                ("unsupported-field", "envoyDeployment.strategy"),
                ("unsupported-field", "envoyDeployment.initContainers"),
                ("unsupported-field", "envoyDeployment.container.env"),
                (
                    "unsupported-field",
                    "envoyDeployment.container.volumeMounts",
                ),
                (
                    "unsupported-field",
                    "envoyDeployment.container.securityContext",
                ),
                (
                    "unsupported-field",
                    "envoyDeployment.container.imageRepository",
                ),
                ("unsupported-field", "envoyDeployment.pod.volumes"),
                ("unsupported-field", "envoyDeployment.pod.securityContext"),
            ],
        ),
        (
            "envoyService: {name: a, patch: {value: {}}, type: ClusterIP, loadBalancerIP: 192.0.2.1}",
            &[
                ("unsupported-field", "envoyService.name"),
                ("unsupported-field", "envoyService.patch"),
                ("invalid-value", "envoyService.loadBalancerIP"),
            ],
        ),
        (
            "envoyHpa: {name: a, minReplicas: 3, maxReplicas: 2}",
            &[
                ("unsupported-field", "envoyHpa.name"),
                ("invalid-value", "envoyHpa"),
            ],
        ),
        (
            "envoyPDB: {patch: {value: {}}, minAvailable: 1, maxUnavailable: 1}",
            &[
                ("unsupported-field", "envoyPDB.patch"),
                ("invalid-value", "envoyPDB"),
            ],
        ),
        ("envoyDeploymnt: {}", &[("unknown-field", "envoyDeploymnt")]),
    ];
    for (spec, expected) in cases {
        let found = proxy(&format!(
            "provider: {{type: Kubernetes, kubernetes: {{{spec}}}}}"
        ));
        let expected = expected.iter();
        let paths =
            expected.map(|(code, path)| (*code, format!("spec.provider.kubernetes.{path}")));
        let paths: Vec<(&str, String)> = paths.collect();
        let mut expected: Vec<Verdict<'_>> = vec![OF_CLUSTERS];
        expected.extend(paths.iter().map(|(code, path)| (*code, path.as_str(), "")));
        assert_verdicts(spec, &found.diagnostics, &expected);
    }
    let host = proxy("provider: {type: Host, host: {}}");
    let expected: [Verdict<'_>; 2] = [
        ("unsupported-field", "spec.provider.type", "`Host`"),
        ("unsupported-field", "spec.provider.host", "not implemented"),
    ];
    assert_verdicts("host", &host.diagnostics, &expected);
}
