// SPDX-License-Identifier: Apache-2.0
//! Tag extraction: the parts of a stat name that Prometheus wants as labels.
//!
//! In: a full dotted name. Out: the name without those parts, and the parts as label and value, in
//! the order of Envoy's default tag list. Written out by hand, because Envoy's regular expressions
//! would cost most of a second over half a million names.

/// A name taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tagged<'a> {
    /// The name with the tagged parts cut out.
    pub(crate) name: String,
    /// Labels and values.
    pub(crate) tags: Vec<(&'static str, &'a str)>,
}

impl<'a> Tagged<'a> {
    /// Takes `name` apart. `into` is reused for its buffers.
    pub(crate) fn extract(name: &'a str, into: &mut Self) {
        into.name.clear();
        into.tags.clear();
        let rest = into.response_code(name);
        match rest.split_once('.') {
            Some(("cluster", rest)) => into.cluster(rest),
            Some(("http", rest)) => {
                into.name.push_str("http.");
                into.connection_manager(rest);
            }
            Some(("listener", rest)) => into.listener(rest),
            Some(("vhost", rest)) => into.virtual_host(rest),
            Some((scope @ ("server" | "thread_local_cluster_manager"), rest)) => {
                into.name.push_str(scope);
                into.name.push('.');
                into.worker(rest);
            }
            _ => into.name.push_str(rest),
        }
    }

    /// `..._rq_200` and `..._rq_2xx` lose the number. Says what is left of the name.
    fn response_code(&mut self, name: &'a str) -> &'a str {
        let Some((head, code)) = name.rsplit_once('_') else {
            return name;
        };
        let bytes = code.as_bytes();
        if !head.ends_with("_rq") || bytes.len() != 3 || !bytes[0].is_ascii_digit() {
            return name;
        }
        if bytes[1..].iter().all(u8::is_ascii_digit) {
            self.tags.push(("envoy_response_code", code));
            head
        } else if bytes[1..] == *b"xx" {
            self.tags.push(("envoy_response_code_class", &code[..1]));
            // What follows the class is put back by `finish`.
            head
        } else {
            name
        }
    }

    fn cluster(&mut self, rest: &'a str) {
        self.name.push_str("cluster.");
        let Some((cluster, rest)) = rest.split_once('.') else {
            return self.finish(rest);
        };
        self.finish(rest);
        self.tags.push(("envoy_cluster_name", cluster));
    }

    /// After `vhost.`: a virtual host, then `route.` and a prefix.
    fn virtual_host(&mut self, rest: &'a str) {
        self.name.push_str("vhost.");
        let Some((host, rest)) = rest.split_once('.') else {
            return self.finish(rest);
        };
        self.tags.push(("envoy_virtual_host", host));
        let route = rest.strip_prefix("route.");
        match route.and_then(|rest| rest.split_once('.')) {
            Some((route, rest)) => {
                self.tags.push(("envoy_route", route));
                self.name.push_str("route.");
                self.finish(rest);
            }
            None => self.finish(rest),
        }
    }

    /// After `http.`: the prefix of the connection manager, then perhaps `rds.<route>.`.
    fn connection_manager(&mut self, rest: &'a str) {
        let Some((prefix, rest)) = rest.split_once('.') else {
            return self.finish(rest);
        };
        self.tags.push(("envoy_http_conn_manager_prefix", prefix));
        match rest
            .strip_prefix("rds.")
            .and_then(|rest| rest.rsplit_once('.'))
        {
            Some((route, rest)) => {
                self.tags.push(("envoy_rds_route_config", route));
                self.name.push_str("rds.");
                self.finish(rest);
            }
            None => self.finish(rest),
        }
    }

    /// After `listener.`: an address (a name such as `admin` stays), then perhaps a worker or a
    /// connection manager.
    fn listener(&mut self, rest: &'a str) {
        self.name.push_str("listener.");
        let (address, rest) = split_address(rest);
        match rest.strip_prefix("http.") {
            Some(rest) => {
                self.name.push_str("http.");
                self.connection_manager(rest);
            }
            None => match rest.strip_prefix("admin.http.") {
                Some(rest) => {
                    self.name.push_str("admin.http.");
                    self.connection_manager(rest);
                }
                None => self.worker(rest),
            },
        }
        if let Some(address) = address {
            self.tags.push(("envoy_listener_address", address));
        }
    }

    /// `worker_0.` becomes `worker.`.
    fn worker(&mut self, rest: &'a str) {
        let split = rest
            .strip_prefix("worker_")
            .and_then(|rest| rest.split_once('.'));
        match split {
            Some((id, rest)) if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.tags.push(("envoy_worker_id", id));
                self.name.push_str("worker.");
                self.finish(rest);
            }
            _ => self.finish(rest),
        }
    }

    fn finish(&mut self, rest: &str) {
        self.name.push_str(rest);
        if matches!(self.tags.first(), Some(("envoy_response_code_class", _))) {
            self.name.push_str("_xx");
        }
    }
}

/// The address at the start, such as `127.0.0.1_80` or `[__1]_80`, and what follows its dot.
fn split_address(rest: &str) -> (Option<&str>, &str) {
    let brackets = rest.starts_with('[');
    let belongs = |byte: u8| match byte {
        b'_' | b'.' => true,
        b'[' | b']' => brackets,
        byte => byte.is_ascii_digit() || (brackets && byte.is_ascii_hexdigit()),
    };
    let end = rest.bytes().take_while(|byte| belongs(*byte)).count();
    match rest[..end].rfind('.') {
        Some(dot) if dot > 0 => (Some(&rest[..dot]), &rest[dot + 1..]),
        _ => (None, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Series recorded from Envoy 1.40.
    #[test]
    fn cuts_out_what_envoy_cuts_out() {
        type Case = (
            &'static str,
            &'static str,
            &'static [(&'static str, &'static str)],
        );
        let cases: &[Case] = &[
            (
                "cluster.X.upstream_rq_total",
                "cluster.upstream_rq_total",
                &[("envoy_cluster_name", "X")],
            ),
            (
                "cluster.X.upstream_rq_200",
                "cluster.upstream_rq",
                &[("envoy_response_code", "200"), ("envoy_cluster_name", "X")],
            ),
            (
                "cluster.X.upstream_rq_2xx",
                "cluster.upstream_rq_xx",
                &[
                    ("envoy_response_code_class", "2"),
                    ("envoy_cluster_name", "X"),
                ],
            ),
            (
                "cluster.X.external.upstream_rq_503",
                "cluster.external.upstream_rq",
                &[("envoy_response_code", "503"), ("envoy_cluster_name", "X")],
            ),
            (
                "cluster.a.b_c/d.version",
                "cluster.b_c/d.version",
                &[("envoy_cluster_name", "a")],
            ),
            (
                "http.P.downstream_rq_2xx",
                "http.downstream_rq_xx",
                &[
                    ("envoy_response_code_class", "2"),
                    ("envoy_http_conn_manager_prefix", "P"),
                ],
            ),
            (
                "listener.127.0.0.1_80.http.P.downstream_rq_2xx",
                "listener.http.downstream_rq_xx",
                &[
                    ("envoy_response_code_class", "2"),
                    ("envoy_http_conn_manager_prefix", "P"),
                    ("envoy_listener_address", "127.0.0.1_80"),
                ],
            ),
            (
                "listener.0.0.0.0_80.worker_0.downstream_cx_total",
                "listener.worker.downstream_cx_total",
                &[
                    ("envoy_worker_id", "0"),
                    ("envoy_listener_address", "0.0.0.0_80"),
                ],
            ),
            (
                "listener.[__1]_80.downstream_cx_total",
                "listener.downstream_cx_total",
                &[("envoy_listener_address", "[__1]_80")],
            ),
            (
                "listener.admin.downstream_cx_total",
                "listener.admin.downstream_cx_total",
                &[],
            ),
            (
                "listener.admin.http.admin.downstream_rq_2xx",
                "listener.admin.http.downstream_rq_xx",
                &[
                    ("envoy_response_code_class", "2"),
                    ("envoy_http_conn_manager_prefix", "admin"),
                ],
            ),
            (
                "server.worker_0.watchdog_miss",
                "server.worker.watchdog_miss",
                &[("envoy_worker_id", "0")],
            ),
            (
                "vhost.V.route.a/b.c.upstream_rq_2xx",
                "vhost.route.c.upstream_rq_xx",
                &[
                    ("envoy_response_code_class", "2"),
                    ("envoy_virtual_host", "V"),
                    ("envoy_route", "a/b"),
                ],
            ),
            (
                "vhost.V.W.route.a.upstream_rq_total",
                "vhost.W.route.a.upstream_rq_total",
                &[("envoy_virtual_host", "V")],
            ),
            ("server.live", "server.live", &[]),
            (
                "cluster_manager.cluster_added",
                "cluster_manager.cluster_added",
                &[],
            ),
        ];
        let mut tagged = Tagged::default();
        for (name, expected, tags) in cases {
            Tagged::extract(name, &mut tagged);
            assert_eq!(tagged.name, *expected, "{name}");
            assert_eq!(tagged.tags, *tags, "{name}");
        }
    }
}
