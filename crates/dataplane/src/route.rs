// SPDX-License-Identifier: Apache-2.0
//! Routing: which route a request takes, and what the route makes of its path, host and headers.
//!
//! In: compiled route tables and slices of a request. Out: decisions; nothing is allocated unless a
//! rewrite asks for it.

mod action;
mod format;
mod matcher;
mod mutation;
mod redirect;
mod rewrite;
mod table;

pub(crate) use action::{
    Action, Backend, BufferLimits, Choice, ConnectConfig, DirectResponse, GrpcTimeout, Mirror,
    PathRewrite, Redirect, Route, RouteAction, Selector,
};
pub(crate) use format::{Facts, Format, Moments, Protocol, Upstream, Wire};
pub(crate) use matcher::{
    HeaderMatch, Path, PathMatch, QueryMatch, RequestView, RouteMatch, ValueMatch,
};
pub(crate) use mutation::{Condition, Mutations};
pub(crate) use redirect::push_location;
pub(crate) use rewrite::push_path;
pub(crate) use table::{RouteTable, VirtualHost, without_port};
