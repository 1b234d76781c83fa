// SPDX-License-Identifier: Apache-2.0
//! Hashing a request, for balancers that choose the host by it.
//!
//! In: the request and the policies of its cluster or route. Out: the hash; cookies to set are noted
//! in the record.

use std::net::{IpAddr, SocketAddr};

use super::{exchange::Exchange, session::Session};
use crate::{
    balance::{HashInput, HashPolicy, Hashed, hash_request},
    cluster::LocalCluster,
    http::{RequestHead, forwarded_for},
};

/// A request as hash policies see it.
struct Request<'a> {
    session: &'a Session,
    bytes: &'a [u8],
    head: &'a RequestHead,
}

/// The hash of a request, if the cluster wants one. The cluster's own policies win over the route's.
pub(super) fn hash(
    session: &Session,
    exchange: &mut Exchange,
    cluster: &LocalCluster,
    route: &[HashPolicy],
) -> Option<u64> {
    let balancing = &cluster.config.balancing;
    if !balancing.hashes() {
        return None;
    }
    let policies = match balancing.hash_policies.as_slice() {
        [] => route,
        own => own,
    };
    let Hashed { hash, set_cookies } = hash_request(policies, &view(session, exchange));
    exchange.record.set_cookies = set_cookies;
    hash
}

/// The hash of a request by the policies of its route; no cookies are made for it.
pub(super) fn of_route(
    session: &Session,
    exchange: &Exchange,
    policies: &[HashPolicy],
) -> Option<u64> {
    hash_request(policies, &view(session, exchange)).hash
}

/// The first value of a header, which may be a pseudo header.
pub(super) fn header<'a>(
    session: &'a Session,
    exchange: &'a Exchange,
    name: &str,
) -> Option<&'a [u8]> {
    let (bytes, head) = (session.inbox.bytes(), &exchange.request);
    match name {
        ":authority" | "host" => Some(head.authority.of(bytes)),
        ":method" => Some(head.method.of(bytes)),
        ":path" => Some(head.path_of(bytes)),
        _ => {
            let mut fields = head.message.fields.iter();
            let same = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
            let field = fields.find(|field| same(field.name.of(bytes)));
            field.map(|field| field.value.of(bytes))
        }
    }
}

fn view<'a>(session: &'a Session, exchange: &'a Exchange) -> Request<'a> {
    Request {
        session,
        bytes: session.inbox.bytes(),
        head: &exchange.request,
    }
}

impl HashInput for Request<'_> {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let authority = [":authority", "host"]
            .iter()
            .any(|host| host.eq_ignore_ascii_case(name))
            .then(|| self.head.authority.of(self.bytes));
        let method = (name == ":method").then(|| self.head.method.of(self.bytes));
        let path = (name == ":path").then(|| self.path());
        let fields = self.head.message.fields.iter();
        let special = authority.into_iter().chain(method).chain(path);
        let wanted = !name.eq_ignore_ascii_case("host");
        special.chain(
            fields
                .filter(move |field| {
                    wanted
                        && field
                            .name
                            .of(self.bytes)
                            .eq_ignore_ascii_case(name.as_bytes())
                })
                .map(|field| field.value.of(self.bytes)),
        )
    }

    fn path(&self) -> &[u8] {
        self.head.path_of(self.bytes)
    }

    fn client(&self) -> SocketAddr {
        self.trusted()
    }

    fn connection(&self) -> (SocketAddr, SocketAddr) {
        let local = self.session.local();
        (self.session.peer, local.unwrap_or(self.session.bound))
    }
}

/// The client's address, as far as the proxies in front of us are trusted.
pub(super) fn client(session: &Session, head: &RequestHead) -> SocketAddr {
    Request {
        session,
        bytes: session.inbox.bytes(),
        head,
    }
    .trusted()
}

impl Request<'_> {
    fn trusted(&self) -> SocketAddr {
        let peer = self.session.peer;
        let manager = self.session.manager();
        if manager.use_remote_address && manager.trusted_hops == 0 {
            return peer;
        }
        // The connection itself counts as the nearest hop where its address is appended.
        let back = manager.trusted_hops as usize - usize::from(manager.use_remote_address);
        let trusted = forwarded_for(&self.head.message, self.bytes, back)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.parse::<IpAddr>().ok());
        trusted.map_or(peer, |ip| SocketAddr::new(ip, 0))
    }
}
