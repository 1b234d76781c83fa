// SPDX-License-Identifier: Apache-2.0
//! Load balancing.
//!
//! In: nothing. Out: the schema of `loadBalancer` in today's spelling and in the older ones.

use crate::crds::schema::{
    I32_MAX, Schema, U32_MAX, boolean, duration, header_name, integer, list, map, object, percent,
    string, text, word,
};

/// The largest ring that Envoy's API allows, and its default maximum.
const MAX_RING: i64 = 8_388_608;

pub(super) fn load_balancer() -> Schema {
    let locality = || word(&["WeightedLb"]);
    object([
        ("leastRequest", object([
            ("choiceCount", integer(1, I32_MAX)
                .says("Hosts that are compared for each request. Absent: 2.")),
        ])
        .says("The host with the fewest requests, of a few.")
        .slow_start()),
        ("roundRobin", object([]).says("One host after the other.").slow_start()),
        ("ringHash", ring_hash()),
        ("maglev", hashing().says("The same host for the same hash, by Maglev's table.")),
        ("random", object([]).says("Any host.")),
        ("healthyPanicThreshold", percent()
            .says("With fewer healthy hosts than this, health is ignored; 0 is never. Absent: 50.")),
        ("updateMergeWindow", duration()
            .says("Changes of hosts within so long are taken together. Absent: 1s.")),
        ("closeConnectionsOnHostSetChange", boolean()
            .says("Connections are drained whenever hosts change.")),
        ("localityType", locality().says("Localities get requests by their weight.")),
        ("localityConfigType", locality().says("Older name of localityType.")),
        ("useHostnameForHashing", boolean()
            .says("Older place of the field of ringHash and maglev.")),
        ("zoneAware", zone_aware()),
    ])
    // Without an algorithm it is an older form, which set something else.
    .with("minProperties", 1)
    .at_most_one(&["leastRequest", "roundRobin", "ringHash", "maglev", "random"])
    .rule(
        "!has(self.zoneAware) || !(has(self.localityType) || has(self.localityConfigType))",
        "localityType and zoneAware may not be set together: remove one of them",
    )
    .rule(
        "!has(self.zoneAware) || !(has(self.ringHash) || has(self.maglev))",
        "zoneAware may not be used with ringHash or maglev: choose another algorithm",
    )
    .rule(
        &format!("{} && {}", hostname_agrees("ringHash"), hostname_agrees("maglev")),
        "useHostnameForHashing is set twice with different values: keep the one beside hashPolicies",
    )
}

fn hostname_agrees(algorithm: &str) -> String {
    format!(
        "(!has(self.useHostnameForHashing) || !has(self.{algorithm}) || \
         !has(self.{algorithm}.useHostnameForHashing) || \
         self.useHostnameForHashing == self.{algorithm}.useHostnameForHashing)"
    )
}

impl Schema {
    /// `slowStart` in both spellings.
    fn slow_start(self) -> Self {
        let block = || {
            object([
                ("window", duration().says("How long a new host warms up.")),
                (
                    "aggression",
                    text(0, 32)
                        .with("pattern", "^-?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)$")
                        .rule(
                            "double(self) > 0.0",
                            "must be greater than 0, such as \"1.5\"",
                        )
                        .says("How fast its share grows, a decimal number. Absent: 1.0."),
                ),
                (
                    "minWeightPercent",
                    percent().says("Its share at the start. Absent: 10."),
                ),
            ])
        };
        self.fields([
            (
                "slowStart",
                block().says("New hosts get their share little by little."),
            ),
            ("slowStartConfig", block().says("Older name of slowStart.")),
        ])
        .same_block("slowStart", "slowStartConfig")
    }
}

fn ring_hash() -> Schema {
    hashing()
        .says("The same host for the same hash, by a ring.")
        .fields([
            (
                "minimumRingSize",
                integer(1, MAX_RING).says("Smallest size of the ring. Absent: 1024."),
            ),
            (
                "maximumRingSize",
                integer(1, MAX_RING).says("Largest size of the ring. Absent: 8388608."),
            ),
        ])
        .rule(
            &format!(
                "(has(self.minimumRingSize) ? self.minimumRingSize : 1024) <= \
                 (has(self.maximumRingSize) ? self.maximumRingSize : {MAX_RING})"
            ),
            "minimumRingSize (1024 where absent) must be less than or equal to maximumRingSize: \
             correct one of them",
        )
}

fn hashing() -> Schema {
    object([
        (
            "useHostnameForHashing",
            boolean().says("Hosts are placed by name, not by address."),
        ),
        (
            "hashPolicies",
            list(hash_policy(), 1, 16).says("What of a request is hashed."),
        ),
    ])
}

fn hash_policy() -> Schema {
    let cookie = object([
        ("name", text(1, 4096)),
        ("path", string()),
        (
            "ttl",
            duration().says("Life of a cookie that the gateway makes. Absent: it makes none."),
        ),
        ("secure", boolean()),
        ("httpOnly", boolean()),
        ("sameSite", word(&["Strict", "Lax", "None"])),
        (
            "attributes",
            map(string()).says("Older form of the three above, and any other."),
        ),
    ])
    .required(&["name"]);
    object([
        (
            "header",
            object([("name", header_name())]).required(&["name"]),
        ),
        ("cookie", cookie),
        ("sourceIP", object([])),
        (
            "terminal",
            boolean().says("If this gives a hash, the rest is not looked at."),
        ),
    ])
    .exactly_one(&["header", "cookie", "sourceIP"])
}

fn zone_aware() -> Schema {
    let least = "minEndpointsInZoneThreshold";
    let prefer_local = object([
        (
            "minEndpointsThreshold",
            integer(1, i64::MAX).says("With fewer hosts, zones are ignored. Absent: 6."),
        ),
        (
            "routingEnabled",
            percent().says("Share of requests it applies to. Absent: 100."),
        ),
        (
            "force",
            object([(least, integer(1, U32_MAX).says("Absent: 1."))])
                .says("Requests stay in the zone while it has so many hosts."),
        ),
    ]);
    object([("preferLocal", prefer_local)])
        .says("Requests stay in their zone as far as that is fair.")
        .required(&["preferLocal"])
}
