// SPDX-License-Identifier: Apache-2.0
//! The table of commands.
//!
//! In: nothing. Out: path, help text, parameters and page of each command, in the order of `/help`.
//! Texts are Envoy's, so that whoever reads them finds Envoy's documentation.

use crate::{Answer, page, request::Request, router::Router};

/// One path.
pub(crate) struct Command {
    pub(crate) path: &'static str,
    pub(crate) help: &'static str,
    /// Needs POST.
    pub(crate) changes: bool,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) show: fn(&Router, &Request) -> Answer,
}

/// One query parameter.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) input: Input,
    pub(crate) help: &'static str,
}

/// How the home page asks for it.
pub(crate) enum Input {
    Choice(&'static [&'static str]),
    Flag,
    Text,
}

/// The command of a path, without Envoy's profilers, heap dumps and lookup counters.
pub(crate) fn find(path: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.path == path)
}

const fn read(
    path: &'static str,
    help: &'static str,
    parameters: &'static [Parameter],
    show: fn(&Router, &Request) -> Answer,
) -> Command {
    Command {
        path,
        help,
        changes: false,
        parameters,
        show,
    }
}

const fn change(
    path: &'static str,
    help: &'static str,
    parameters: &'static [Parameter],
    show: fn(&Router, &Request) -> Answer,
) -> Command {
    Command {
        changes: true,
        ..read(path, help, parameters, show)
    }
}

const fn flag(name: &'static str, help: &'static str) -> Parameter {
    let input = Input::Flag;
    Parameter { name, input, help }
}

const fn text(name: &'static str, help: &'static str) -> Parameter {
    let input = Input::Text;
    Parameter { name, input, help }
}

const fn choice(
    name: &'static str,
    help: &'static str,
    choices: &'static [&'static str],
) -> Parameter {
    let input = Input::Choice(choices);
    Parameter { name, input, help }
}

const FILTER: Parameter = text(
    "filter",
    "Regular expression (Google re2) for filtering stats",
);
const INVERT_FILTER: Parameter = flag("invert_filter", "Invert the filter regex");
const USED_ONLY: Parameter = flag(
    "usedonly",
    "Only include stats that have been written by system since restart",
);

pub(crate) static COMMANDS: &[Command] = &[
    read("/", "Admin home page", &[], page::home::show),
    read(
        "/certs",
        "print certs on machine",
        &[],
        page::process::certs,
    ),
    read(
        "/clusters",
        "upstream cluster status",
        &[
            text(
                "filter",
                "Regular expression (Google re2) for filtering clusters by name",
            ),
            choice("format", "File format to use", &["text", "json"]),
        ],
        page::clusters::show,
    ),
    read(
        "/config_dump",
        "dump current Envoy configs",
        &[
            text("resource", "The resource to dump"),
            text(
                "mask",
                "The mask to apply. When both resource and mask are specified, the mask is applied to every element in the desired repeated field so that only a subset of fields are returned. The mask is parsed as a Protobuf::FieldMask",
            ),
            text(
                "name_regex",
                "Dump only the currently loaded configurations whose names match the specified regex. Can be used with both resource and mask query parameters.",
            ),
            flag(
                "include_eds",
                "Dump currently loaded configuration including EDS. See the response definition for more information",
            ),
        ],
        crate::config_dump::show,
    ),
    read(
        "/contention",
        "dump current Envoy mutex contention stats (if enabled)",
        &[],
        page::process::contention,
    ),
    change(
        "/drain_listeners",
        "drain listeners",
        &[
            flag(
                "graceful",
                "When draining listeners, enter a graceful drain period prior to closing listeners. This behaviour and duration is configurable via server options or CLI",
            ),
            flag(
                "skip_exit",
                "When draining listeners, drain the connections but never stop the listeners. The graceful parameter has no effect when this is set, since the drain period only delays stopping the listeners",
            ),
            flag(
                "inboundonly",
                "Drains all inbound listeners. traffic_direction field in envoy_v3_api_msg_config.listener.v3.Listener is used to determine whether a listener is inbound or outbound.",
            ),
        ],
        page::action::drain_listeners,
    ),
    change(
        "/healthcheck/fail",
        "cause the server to fail health checks",
        &[],
        page::action::healthcheck_fail,
    ),
    change(
        "/healthcheck/ok",
        "cause the server to pass health checks",
        &[],
        page::action::healthcheck_ok,
    ),
    read(
        "/help",
        "print out list of admin commands",
        &[],
        page::home::help,
    ),
    read(
        "/hot_restart_version",
        "print the hot restart compatibility version",
        &[],
        page::process::hot_restart_version,
    ),
    read(
        "/init_dump",
        "dump current Envoy init manager information (experimental)",
        &[text(
            "mask",
            "The desired component to dump unready targets. The mask is parsed as a Protobuf::FieldMask. For example, get the unready targets of all listeners with /init_dump?mask=listener`",
        )],
        page::process::init_dump,
    ),
    read(
        "/listeners",
        "print listener info",
        &[choice("format", "File format to use", &["text", "json"])],
        page::listeners::show,
    ),
    change(
        "/logging",
        "query/change logging levels",
        &[
            text(
                "paths",
                "Change multiple logging levels by setting to <logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>.",
            ),
            choice(
                "level",
                "desired logging level, this will change all loggers's level",
                &[
                    "", "trace", "debug", "info", "warning", "error", "critical", "off",
                ],
            ),
        ],
        page::logging::show,
    ),
    read(
        "/memory",
        "print current allocation/heap usage",
        &[],
        page::process::memory,
    ),
    change("/quitquitquit", "exit the server", &[], page::action::quit),
    read(
        "/ready",
        "print server state, return 200 if LIVE, otherwise return 503",
        &[],
        page::process::ready,
    ),
    change(
        "/reopen_logs",
        "reopen access logs",
        &[],
        page::action::reopen_logs,
    ),
    change(
        "/reset_counters",
        "reset all counters to zero",
        &[],
        page::action::reset_counters,
    ),
    read(
        "/runtime",
        "print runtime values",
        &[],
        page::process::runtime,
    ),
    change(
        "/runtime_modify",
        "Adds or modifies runtime values as passed in query parameters. There is no admin layer here, so this always fails",
        &[],
        page::process::runtime_modify,
    ),
    read(
        "/server_info",
        "print server version/status information",
        &[],
        page::process::server_info,
    ),
    read(
        "/stats",
        "print server stats",
        &[
            USED_ONLY,
            FILTER,
            INVERT_FILTER,
            choice(
                "format",
                "Format to use",
                &["html", "active-html", "text", "json"],
            ),
            choice(
                "type",
                "Stat types to include.",
                &["All", "Counters", "Histograms", "Gauges", "TextReadouts"],
            ),
            choice(
                "histogram_buckets",
                "Histogram bucket display mode",
                &["cumulative", "disjoint", "detailed", "summary"],
            ),
        ],
        page::stats::show,
    ),
    read(
        "/stats/prometheus",
        "print server stats in prometheus format",
        &[
            USED_ONLY,
            flag(
                "text_readouts",
                "Render text_readouts as new gaugues with value 0 (increases Prometheus data size)",
            ),
            FILTER,
            INVERT_FILTER,
            choice(
                "histogram_buckets",
                "Histogram bucket display mode",
                &["cumulative", "summary"],
            ),
        ],
        page::stats::prometheus,
    ),
];
