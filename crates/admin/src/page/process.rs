// SPDX-License-Identifier: Apache-2.0
//! The pages about the process itself.
//!
//! In: the views. Out: `/ready`, `/server_info`, `/memory`, `/certs`, `/runtime` and the pages that
//! are always the same here, because there is no hot restart, runtime layer or init manager.

use hyper::StatusCode;
use prost_reflect::{DynamicMessage, SerializeOptions, prost::Message};
use sluicegate_xds::{
    descriptor, json,
    pb::{envoy::admin::v3::ServerInfo, google::protobuf::Duration},
};

use crate::{Answer, ServerState, page, request::Request, router::Router};

/// `/certs`. The list stands there even when it is empty.
pub(crate) fn certs(router: &Router, _request: &Request) -> Answer {
    let certificates = (router.views.certificates)();
    if certificates.certificates.is_empty() {
        return Answer::json("{\n \"certificates\": []\n}\n".to_owned());
    }
    page::message(&certificates)
}

/// `/contention`.
pub(crate) fn contention(_router: &Router, _request: &Request) -> Answer {
    Answer::text(
        "Mutex contention tracing is not enabled. To enable, run Envoy with flag \
         --enable-mutex-tracing.",
    )
}

/// `/hot_restart_version`.
pub(crate) fn hot_restart_version(_router: &Router, _request: &Request) -> Answer {
    Answer::text(HOT_RESTART_VERSION)
}

/// `/init_dump`: nothing is ever pending, since nothing is served before it is complete.
pub(crate) fn init_dump(_router: &Router, _request: &Request) -> Answer {
    Answer::json("{}\n".to_owned())
}

/// `/memory`. Zeros are shown, too.
pub(crate) fn memory(router: &Router, _request: &Request) -> Answer {
    with_defaults(&(router.views.memory)())
}

/// `/ready`.
pub(crate) fn ready(router: &Router, _request: &Request) -> Answer {
    readiness((router.views.state)())
}

/// Whether requests should come here.
pub(crate) fn readiness(state: ServerState) -> Answer {
    let status = match state {
        ServerState::Live => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::failure(status, format!("{state}\n"))
}

/// `/runtime`.
pub(crate) fn runtime(_router: &Router, _request: &Request) -> Answer {
    Answer::json("{\n \"entries\": {},\n \"layers\": []\n}\n".to_owned())
}

/// `/runtime_modify`.
pub(crate) fn runtime_modify(_router: &Router, request: &Request) -> Answer {
    if request.parameters.is_empty() {
        return Answer::bad_request(
            "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n       or send the \
             parameters as form values\nuse an empty value to remove a previously added override",
        );
    }
    Answer::failure(StatusCode::SERVICE_UNAVAILABLE, "No admin layer specified")
}

/// `/server_info`.
pub(crate) fn server_info(router: &Router, _request: &Request) -> Answer {
    let startup = &router.views.startup;
    let uptime = Duration {
        seconds: startup
            .started
            .elapsed()
            .as_secs()
            .try_into()
            .unwrap_or(i64::MAX),
        nanos: 0,
    };
    with_defaults(&ServerInfo {
        version: startup.version.clone(),
        state: (router.views.state)() as i32,
        uptime_current_epoch: Some(uptime),
        uptime_all_epochs: Some(uptime),
        hot_restart_version: HOT_RESTART_VERSION.to_owned(),
        command_line_options: Some(startup.options.clone()),
        node: Some(startup.node.clone()),
        hot_restart_initializing: false,
    })
}

/// A message as JSON, with the fields that hold their default.
fn with_defaults<M>(message: &M) -> Answer
where
    M: Message + sluicegate_xds::prost::Name,
{
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false);
    let value = descriptor::pool()
        .get_message_by_name(&M::full_name())
        .and_then(|kind| DynamicMessage::decode(kind, message.encode_to_vec().as_slice()).ok())
        .and_then(|message| {
            let serializer = serde_json::value::Serializer;
            message.serialize_with_options(serializer, &options).ok()
        });
    match value {
        Some(value) => Answer::json(json::to_string(&value)),
        None => page::message(message),
    }
}

/// What Envoy says under `--disable-hot-restart`.
const HOT_RESTART_VERSION: &str = "disabled";
