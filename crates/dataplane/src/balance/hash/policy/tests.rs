// SPDX-License-Identifier: Apache-2.0
//! Rows of the hash policies as measured on Envoy 1.40.

use super::*;

struct Request(Vec<(&'static str, &'static str)>, &'static str);

impl HashInput for Request {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let matching = self.0.iter().filter(move |(field, _)| *field == name);
        matching.map(|(_, value)| value.as_bytes())
    }

    fn path(&self) -> &[u8] {
        self.1.as_bytes()
    }

    fn client(&self) -> SocketAddr {
        "10.1.2.3:4444".parse().unwrap()
    }

    fn connection(&self) -> (SocketAddr, SocketAddr) {
        (self.client(), "10.9.8.7:80".parse().unwrap())
    }
}

fn header(name: &str, terminal: bool) -> HashPolicy {
    let method = HashMethod::Header(HeaderMethod {
        name: name.to_owned(),
        rewrite: None,
    });
    HashPolicy { method, terminal }
}

fn cookie(ttl: Option<u64>, path: &str, attributes: &[(&str, &str)]) -> HashPolicy {
    HashPolicy {
        method: HashMethod::Cookie(CookieMethod {
            name: "sess".to_owned(),
            ttl: ttl.map(Duration::from_millis),
            path: path.to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }),
        terminal: false,
    }
}

fn hash(policies: &[HashPolicy], headers: &[(&'static str, &'static str)]) -> Option<u64> {
    hash_request(
        policies,
        &Request(headers.to_vec(), "/p?a=1&q=x%20y&flag&q=z"),
    )
    .hash
}

/// Row 55.
#[test]
fn headers_hash_one_value_or_the_sorted_chain() {
    let policy = [header("x-a", false)];
    assert_eq!(hash(&policy, &[]), None);
    assert_eq!(hash(&policy, &[("x-a", "k0")]), Some(xx_hash_64(b"k0", 0)));
    for values in [["a0", "b0"], ["b0", "a0"]] {
        let headers = values.map(|value| ("x-a", value));
        assert_eq!(hash(&policy, &headers), Some(0x8fd6_748c_ff81_807a));
    }
}

#[test]
fn rewrite_comes_before_the_hash() {
    let method = HashMethod::Header(HeaderMethod {
        name: "x-a".to_owned(),
        rewrite: Some((Regex::new("^user-([0-9]+).*").unwrap(), b"$1".to_vec())),
    });
    let policy = [HashPolicy {
        method,
        terminal: false,
    }];
    assert_eq!(
        hash(&policy, &[("x-a", "user-17-mobile")]),
        Some(xx_hash_64(b"17", 0))
    );
}

/// Row 55.
#[test]
fn several_policies_rotate_and_combine_until_a_terminal_one() {
    let headers = [("x-a", "a"), ("x-b", "b")];
    let both = [header("x-a", false), header("x-b", false)];
    assert_eq!(hash(&both, &headers), Some(0xdcd8_a342_49eb_432c));
    let first = [header("x-a", true), header("x-b", false)];
    assert_eq!(hash(&first, &headers), Some(xx_hash_64(b"a", 0)));
    // A terminal policy without a value of its own does not end an empty list.
    assert_eq!(hash(&first, &headers[1..]), Some(xx_hash_64(b"b", 0)));
}

#[test]
fn query_parameter_and_source_address() {
    let query = |name: &str| {
        let method = HashMethod::QueryParameter(name.to_owned());
        let policy = [HashPolicy {
            method,
            terminal: false,
        }];
        hash(&policy, &[])
    };
    assert_eq!(query("q"), Some(xx_hash_64(b"x%20y", 0)));
    assert_eq!(query("flag"), Some(xx_hash_64(b"", 0)));
    assert_eq!(query("none"), None);
    let policy = [HashPolicy {
        method: HashMethod::SourceIp,
        terminal: false,
    }];
    assert_eq!(hash(&policy, &[]), Some(xx_hash_64(b"10.1.2.3", 0)));
}

/// Row 56.
#[test]
fn cookies_hash_without_quotes() {
    let policy = [cookie(None, "", &[])];
    for (field, value) in [
        ("sess=v1", Some("v1")),
        ("other=x; sess=\"v1\"; sess=v2", Some("v1")),
        ("sess=", None),
        ("sess", None),
        ("xsess=v1", None),
    ] {
        let wanted = value.map(|value| xx_hash_64(value.as_bytes(), 0));
        assert_eq!(hash(&policy, &[("cookie", field)]), wanted, "{field}");
    }
}

/// Row 56.
#[test]
fn missing_cookie_is_made() {
    let value = "a43a6d04e421e85a";
    let strict = [("SameSite", "Strict"), ("Secure", "")];
    for (policy, attributes) in [
        (
            cookie(Some(3_600_900), "/", &[]),
            "; Max-Age=3600; Path=/; HttpOnly",
        ),
        (cookie(Some(0), "", &[]), "; HttpOnly"),
        (
            cookie(Some(60_000), "/p", &strict),
            "; Max-Age=60; Path=/p; SameSite=Strict; Secure; HttpOnly",
        ),
    ] {
        let hashed = hash_request(&[policy], &Request(Vec::new(), "/"));
        let wanted = Hashed {
            hash: Some(xx_hash_64(value.as_bytes(), 0)),
            set_cookies: vec![format!("sess=\"{value}\"{attributes}")],
        };
        assert_eq!(hashed, wanted);
    }
}
