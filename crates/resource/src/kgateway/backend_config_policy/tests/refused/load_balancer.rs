// SPDX-License-Identifier: Apache-2.0
//! `loadBalancer`.

use super::refuses;

#[test]
fn rules() {
    const AGGRESSION: &str = "spec.loadBalancer.leastRequest.slowStart.aggression";
    refuses(&[
        (
            "loadBalancer: {}",
            (
                "invalid-value",
                "spec.loadBalancer",
                "exactly one of the fields",
            ),
        ),
        (
            "loadBalancer: {random: {}, roundRobin: {}}",
            (
                "invalid-value",
                "spec.loadBalancer",
                "exactly one of the fields",
            ),
        ),
        (
            "loadBalancer: {random: {}, healthyPanicThreshold: 101}",
            (
                "invalid-value",
                "spec.loadBalancer.healthyPanicThreshold",
                "equal to 100",
            ),
        ),
        (
            "loadBalancer: {random: {}, localityType: Weighted}",
            (
                "unsupported-value",
                "spec.loadBalancer.localityType",
                "\"WeightedLb\"",
            ),
        ),
        (
            "loadBalancer: {random: {}, localityType: WeightedLb, zoneAware: {preferLocal: {}}}",
            (
                "invalid-value",
                "spec.loadBalancer.zoneAware",
                "may not be set together",
            ),
        ),
        (
            "loadBalancer: {maglev: {}, zoneAware: {preferLocal: {}}}",
            (
                "invalid-value",
                "spec.loadBalancer.zoneAware",
                "ringHash or maglev",
            ),
        ),
        (
            "loadBalancer: {random: {}, zoneAware: {}}",
            (
                "required-value",
                "spec.loadBalancer.zoneAware.preferLocal",
                "Required value",
            ),
        ),
        (
            "loadBalancer: {random: {}, zoneAware: {preferLocal: {minEndpointsThreshold: 0}}}",
            (
                "invalid-value",
                "spec.loadBalancer.zoneAware.preferLocal.minEndpointsThreshold",
                "equal to 1",
            ),
        ),
        (
            "loadBalancer: {leastRequest: {choiceCount: 0}}",
            (
                "invalid-value",
                "spec.loadBalancer.leastRequest.choiceCount",
                "equal to 1",
            ),
        ),
        (
            "loadBalancer: {leastRequest: {choiceCount: -2}}",
            (
                "invalid-value",
                "spec.loadBalancer.leastRequest.choiceCount",
                "equal to 1",
            ),
        ),
        (
            "loadBalancer: {leastRequest: {slowStart: {aggression: '-1'}}}",
            ("invalid-value", AGGRESSION, "greater than 0"),
        ),
        (
            "loadBalancer: {leastRequest: {slowStart: {aggression: '1e3'}}}",
            ("invalid-value", AGGRESSION, "a decimal number"),
        ),
        (
            "loadBalancer: {leastRequest: {slowStart: {aggression: 1.5}}}",
            ("invalid-type", AGGRESSION, "put it in quotes: \"1.5\""),
        ),
        (
            "loadBalancer: {ringHash: {minimumRingSize: 9, maximumRingSize: 8}}",
            (
                "invalid-value",
                "spec.loadBalancer.ringHash",
                "less than or equal to maximumRingSize",
            ),
        ),
        (
            "loadBalancer: {ringHash: {minimumRingSize: 8388609}}",
            (
                "invalid-value",
                "spec.loadBalancer.ringHash",
                "maximumRingSize (8388608)",
            ),
        ),
        (
            "loadBalancer: {ringHash: {maximumRingSize: 8388609}}",
            (
                "invalid-value",
                "spec.loadBalancer.ringHash",
                "less than or equal to 8388608",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: []}}",
            (
                "invalid-value",
                "spec.loadBalancer.maglev.hashPolicies",
                "at least 1 items",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{terminal: true}]}}",
            (
                "invalid-value",
                "spec.loadBalancer.maglev.hashPolicies[0]",
                "[header cookie sourceIP]",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{header: {name: x id}}]}}",
            (
                "invalid-value",
                "spec.loadBalancer.maglev.hashPolicies[0].header.name",
                "a header name",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {ttl: 5s}}]}}",
            (
                "required-value",
                "spec.loadBalancer.maglev.hashPolicies[0].cookie.name",
                "Required value",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: a, sameSite: lax}}]}}",
            (
                "unsupported-value",
                "spec.loadBalancer.maglev.hashPolicies[0].cookie.sameSite",
                "did you mean `Lax`?",
            ),
        ),
    ]);
}
