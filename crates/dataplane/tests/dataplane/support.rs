// SPDX-License-Identifier: Apache-2.0
//! Helpers of the data plane's tests: xDS snippets, raw byte clients, scripted upstreams.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod admin;
pub(crate) mod checked;
pub(crate) mod client;
pub(crate) mod coded;
pub(crate) mod collector;
pub(crate) mod dns;
pub(crate) mod envoy;
pub(crate) mod gateway;
pub(crate) mod http2;
pub(crate) mod logs;
pub(crate) mod peer;
pub(crate) mod pki;
pub(crate) mod plane;
pub(crate) mod script;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod transcript;
pub(crate) mod upstream;
pub(crate) mod xds;

pub(crate) use client::Client;
pub(crate) use gateway::Gateway;
pub(crate) use upstream::Upstream;
