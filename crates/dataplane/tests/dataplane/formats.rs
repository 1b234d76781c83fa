// SPDX-License-Identifier: Apache-2.0
//! Header values with formatters, as Envoy writes them.

use sluicegate_xds::pb::envoy::config::{
    core::v3::{DataSource, data_source::Specifier},
    route::v3::{DirectResponseAction, Route, RouteMatch, route, route_match::PathSpecifier},
};

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    http2::{Client, get, run},
    xds,
};

const ADD: i32 = 0;
const OVERWRITE: i32 = 2;

fn resources(upstream: &Upstream) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    let mut direct = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Path("/direct".to_owned())),
            ..RouteMatch::default()
        }),
        ..Route::default()
    };
    direct.action = Some(route::Action::DirectResponse(DirectResponseAction {
        status: 201,
        body: Some(DataSource {
            specifier: Some(Specifier::InlineString("hi".to_owned())),
            ..DataSource::default()
        }),
        ..DirectResponseAction::default()
    }));
    let mut forward = xds::route("/", "c", |action| {
        action.prefix_rewrite = "/rw/".to_owned();
    });
    forward.name = "named".to_owned();
    resources.routes = vec![xds::routes(vec![direct, forward])];
    resources
}

/// Rows 24 and 25.
#[test]
fn values_tell_of_the_request_and_of_the_response() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nX-Resp: up\r\nX-Over: old\r\nContent-Length: 2\r\n\r\nok",
    );
    let mut resources = resources(&upstream);
    let host = &mut resources.routes[0].virtual_hosts[0];
    host.request_headers_to_add = vec![
        xds::header("q-path", "%REQ(:PATH)%", ADD),
        xds::header("q-client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", ADD),
        xds::header("q-more", "%REQ(x-a)%-more", ADD),
        xds::header("q-none", "%REQ(x-none)%", ADD),
        xds::header("x-a", "<%REQ(x-a)%>", OVERWRITE),
        xds::header("q-route", "%ROUTE_NAME% 50%%", ADD),
    ];
    host.response_headers_to_add = vec![
        xds::header(
            "p-path",
            "%REQ(:path)% %REQ(x-envoy-original-path?:path)%",
            ADD,
        ),
        xds::header("p-host", "%UPSTREAM_HOST% %UPSTREAM_CLUSTER%", ADD),
        xds::header("p-code", "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%", ADD),
        xds::header("p-resp", "%RESP(x-resp)%", ADD),
        xds::header("p-protocol", "%PROTOCOL%", ADD),
        xds::header("x-over", "%RESP(x-over)%er", OVERWRITE),
        xds::header("p-none", "%RESP(x-none)%", ADD),
    ];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for _ in 0..2 {
        let response = client.ask("GET /p?z=1 HTTP/1.1\r\nHost: h\r\nX-A: v\r\n\r\n");
        let host = format!("{} c", upstream.address);
        let wanted = [
            ("p-path", Some("/rw/p?z=1 /p?z=1")),
            ("p-host", Some(host.as_str())),
            ("p-code", Some("200 via_upstream")),
            ("p-resp", Some("up")),
            ("p-protocol", Some("HTTP/1.1")),
            ("x-over", Some("older")),
            ("p-none", None),
        ];
        for (name, value) in wanted {
            assert_eq!(response.field(name), value, "{name}");
        }
        let head = upstream.heads.lock().unwrap().last().unwrap().clone();
        for line in [
            "\nq-path: /p?z=1\n",
            "\nq-client: 127.0.0.1\n",
            "\nq-more: v-more\n",
            "\nx-a: <v>\n",
            "\nq-route: named 50%\n",
        ] {
            assert!(head.contains(line), "{line:?} in {head}");
        }
        assert!(!head.contains("q-none"));
    }
    // An answer made here knows the request, and no response code.
    let response = client.ask("GET /direct HTTP/1.1\r\nHost: h\r\nX-A: v\r\n\r\n");
    assert_eq!((response.status(), response.text()), (201, "hi"));
    assert_eq!(response.field("p-path"), Some("/direct /direct"));
    assert_eq!(response.field("p-code"), Some("0 direct_response"));
    assert_eq!(response.field("p-host"), Some(" "));
    run(async {
        let client = Client::connect(gateway.address()).await;
        let answer = client.ask(get("/p")).await.unwrap();
        assert_eq!(answer.field("p-protocol"), "HTTP/2");
        assert_eq!(answer.field("p-path"), "/rw/p /p");
    });
}

#[test]
fn what_is_no_formatter_refuses_the_routes() {
    let upstream = Upstream::ok();
    for (value, message) in [
        ("50%", "Couldn't find valid command at position 2"),
        ("%FOO%", "Not supported field in StreamInfo: FOO"),
    ] {
        let mut resources = resources(&upstream);
        let host = &mut resources.routes[0].virtual_hosts[0];
        host.response_headers_to_add = vec![xds::header("a", value, ADD)];
        let gateway = Gateway::start(&resources);
        gateway.assert_refused("routes", message);
    }
}
