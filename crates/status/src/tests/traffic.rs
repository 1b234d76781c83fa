// SPDX-License-Identifier: Apache-2.0
//! Conditions of a BackendTrafficPolicy that only a running fleet brings; the others stand in the
//! golden cases.

use std::collections::BTreeMap;

use sluicegate_resource::ObjectRef;

use super::{Runtime, status, words};

const ROUTE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: ours, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: p}
spec: {targetRef: {kind: HTTPRoute, name: r}, retry: {}}
";

#[test]
fn what_an_envoy_refuses_is_told_on_the_policy_of_that_cluster() {
    let conditions = |name: &str| {
        let policy = ObjectRef::new(
            "gateway.envoyproxy.io",
            "BackendTrafficPolicy",
            "default",
            name,
        );
        let runtime = Runtime {
            refused_traffic_policies: BTreeMap::from([(policy, "no".to_owned())]),
            ..Runtime::default()
        };
        let mine = status(ROUTE, "BackendTrafficPolicy", "p", Some(&runtime));
        words(&mine["ancestors"][0]["conditions"])
    };
    assert_eq!(
        conditions("p"),
        ["Accepted=True/Accepted", "Programmed=False/Invalid"]
    );
    assert_eq!(conditions("other"), ["Accepted=True/Accepted"]);
}
