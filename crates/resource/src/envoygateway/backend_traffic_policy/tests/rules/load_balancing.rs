// SPDX-License-Identifier: Apache-2.0
//! Rules V8 to V11: what belongs to which type of load balancing.

use super::super::{accepts, refuses};

const INVALID: &str = "invalid-value";
const REQUIRED: &str = "required-value";

#[test]
fn load_balancing() {
    const LB: &str = "spec.loadBalancer";
    let hash = "spec.loadBalancer.consistentHash";
    refuses(&[
        (
            "V8 consistentHash is missing",
            "loadBalancer: {type: ConsistentHash}",
            &[(
                INVALID,
                LB,
                "consistentHash must be set when type is ConsistentHash",
            )],
        ),
        (
            "V8 consistentHash with another type",
            "loadBalancer: {type: Random, consistentHash: {type: SourceIP}}",
            &[(INVALID, hash, "may only be set when type is ConsistentHash")],
        ),
        (
            "V8 backendUtilization is missing",
            "loadBalancer: {type: BackendUtilization}",
            &[(INVALID, LB, "backendUtilization must be set")],
        ),
        (
            "V8 backendUtilization with another type",
            "loadBalancer: {type: Random, backendUtilization: {}}",
            &[(
                INVALID,
                "spec.loadBalancer.backendUtilization",
                "may only be set",
            )],
        ),
        (
            "V8 dynamicModule with another type",
            "loadBalancer: {type: Random, dynamicModule: {name: m}}",
            &[(
                INVALID,
                "spec.loadBalancer.dynamicModule",
                "may only be set",
            )],
        ),
        (
            "V9 Random",
            "loadBalancer: {type: Random, slowStart: {window: 1s}}",
            &[(INVALID, "spec.loadBalancer.slowStart", "may only be set")],
        ),
        (
            "V9 ConsistentHash",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP}, slowStart: {window: 1s}}",
            &[(INVALID, "spec.loadBalancer.slowStart", "may only be set")],
        ),
        (
            "V9 Maglev",
            "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP}, slowStart: {window: 1s}}",
            &[(INVALID, "spec.loadBalancer.slowStart", "may only be set")],
        ),
        (
            "V10 preferLocal with a hash",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP}, zoneAware: {preferLocal: {}}}",
            &[(
                INVALID,
                "spec.loadBalancer.zoneAware",
                "preferLocal may not be used",
            )],
        ),
        (
            "V10 preferLocal with BackendUtilization",
            "loadBalancer: {type: BackendUtilization, backendUtilization: {}, zoneAware: {preferLocal: {}}}",
            &[(
                INVALID,
                "spec.loadBalancer.zoneAware",
                "preferLocal may not be used",
            )],
        ),
        (
            "V10 both",
            "loadBalancer: {type: Random, zoneAware: {preferLocal: {}, weightedZones: [{zone: a, weight: 1}]}}",
            &[(
                INVALID,
                "spec.loadBalancer.zoneAware",
                "may not be set together",
            )],
        ),
        (
            "V10 weightedZones is a map",
            "loadBalancer: {type: Random, zoneAware: {weightedZones: [{zone: a, weight: 1}, {zone: a, weight: 2}]}}",
            &[(
                "duplicate-value",
                "spec.loadBalancer.zoneAware.weightedZones[1]",
                "\"a\"",
            )],
        ),
        (
            "L15, and V9, V10 with it",
            "loadBalancer: {type: DynamicModule, dynamicModule: {name: m}, slowStart: {window: 1s}, endpointOverride: {extractFrom: [{header: a}]}, zoneAware: {preferLocal: {}, weightedZones: []}}",
            &[
                (
                    "unsupported-value",
                    "spec.loadBalancer.type",
                    "modules are not implemented",
                ),
                (INVALID, "spec.loadBalancer.slowStart", "may only be set"),
                (
                    INVALID,
                    "spec.loadBalancer.endpointOverride",
                    "DynamicModule",
                ),
                (INVALID, "spec.loadBalancer.zoneAware", "preferLocal"),
                (INVALID, "spec.loadBalancer.zoneAware", "weightedZones"),
            ],
        ),
        (
            "V11 its own member",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header}}",
            &[(
                REQUIRED,
                "spec.loadBalancer.consistentHash.header",
                "Required",
            )],
        ),
        (
            "V11 no other's",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP, cookie: {name: c}}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.cookie",
                "may only be set when type is Cookie",
            )],
        ),
        (
            "V11 queryParams",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: QueryParams, headers: [{name: a}]}}",
            &[
                (
                    REQUIRED,
                    "spec.loadBalancer.consistentHash.queryParams",
                    "Required",
                ),
                (
                    INVALID,
                    "spec.loadBalancer.consistentHash.headers",
                    "type is Headers",
                ),
            ],
        ),
    ]);
    accepts(&[
        (
            "V8 Maglev may carry consistentHash",
            "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP}}",
            &[],
        ),
        (
            "V10 weightedZones with a hash",
            "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP}, zoneAware: {weightedZones: [{zone: a, weight: 0}]}}",
            &[],
        ),
        (
            "V9",
            "loadBalancer: {type: BackendUtilization, backendUtilization: {}, slowStart: {window: 0s}}",
            &[],
        ),
    ]);
}
