// SPDX-License-Identifier: Apache-2.0
//! Access logs of connections: of listeners, and of proxies of bytes.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    logs::LogFile,
    pki::Authority,
    script::nobody,
    tcp::{self, Server},
    tls::{self, connect, get, inspector},
    xds,
};

const CONNECTION: &str = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% \
    %BYTES_SENT% %UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_CLUSTER% \
    %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_TRANSPORT_FAILURE_REASON% %PROTOCOL% \
    %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION% \
    %DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_RECEIVED% \
    %UPSTREAM_WIRE_BYTES_SENT% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_HOST_NAME%";

#[test]
fn a_proxy_of_bytes_logs_each_connection_when_it_is_over() {
    let server = Server::shouting();
    let host = server.address;
    let cases = [
        (
            "c",
            Some("hello"),
            format!("0 - - 5 9 {host} {host} c 1 - - 127.0.0.1 - - 5 9 9 5 - {host}"),
        ),
        (
            "dead",
            None,
            "0 UF,URX - 0 0 {dead} - dead 1 delayed_connect_error:_Connection_refused - 127.0.0.1 - - \
             0 0 0 0 - {dead}"
                .to_owned(),
        ),
        (
            "empty",
            None,
            "0 UH - 0 0 - - empty 0 - - 127.0.0.1 - - 0 0 0 0 - -".to_owned(),
        ),
        (
            "nowhere",
            None,
            "0 NC - 0 0 - - - 0 - - 127.0.0.1 - - 0 0 0 0 - -".to_owned(),
        ),
    ];
    for (cluster, said, wanted) in cases {
        let logs = [LogFile::new(), LogFile::new()];
        let mut resources = Resources::simple(&[host]);
        let dead = nobody();
        tcp::also(&mut resources, "dead", &[dead]);
        tcp::also(&mut resources, "empty", &[]);
        resources.routes.clear();
        let listener = &mut resources.listeners[0];
        let proxy = tcp::proxy(cluster, |proxy| {
            proxy.access_log = vec![logs[0].text(CONNECTION)]
        });
        listener.filter_chains = vec![tcp::chain(&[], proxy)];
        listener.access_log = vec![logs[1].text(CONNECTION)];
        let gateway = Gateway::start(&resources);
        gateway.assert_enforced();
        let mut client = TcpStream::connect(gateway.address()).unwrap();
        if let Some(said) = said {
            client.write_all(said.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
        let _ = client.read_to_end(&mut Vec::new());
        let wanted = wanted.replace("{dead}", &dead.to_string());
        for log in logs {
            assert_eq!(log.lines(1)[0], wanted, "{cluster}");
        }
    }
}

#[test]
fn a_listener_logs_connections_with_and_without_requests() {
    let authority = Authority::new("ca");
    let log = LogFile::new();
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    tls::serve_with(&mut resources, &authority.issue(&["known.example"]));
    let listener = &mut resources.listeners[0];
    listener.access_log = vec![log.text(
        "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %PROTOCOL% %REQUESTED_SERVER_NAME% \
         %DOWNSTREAM_TLS_VERSION%",
    )];
    listener.listener_filters = vec![inspector()];
    let chain = &mut listener.filter_chains[0];
    chain.filter_chain_match =
        tcp::chain(&["known.example"], tcp::proxy("c", |_| {})).filter_chain_match;
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let ca = authority.pem();
    let mut stream = connect(gateway.address(), "known.example", &ca, |_| {}, None).unwrap();
    for _ in 0..2 {
        get(&mut stream, "known.example", "/").unwrap();
    }
    drop(stream);
    assert_eq!(log.lines(1)[0], "- - HTTP/1.1 known.example TLSv1.3");
    assert!(connect(gateway.address(), "other.example", &ca, |_| {}, None).is_err());
    assert_eq!(
        log.lines(2)[1],
        "NR filter_chain_not_found - other.example -"
    );
    let mut silent = gateway.client();
    silent.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(silent.closed());
    assert_eq!(log.lines(3)[2], "NR filter_chain_not_found - - -");
}

#[test]
fn a_handshake_that_takes_too_long_is_logged_with_the_reason() {
    let authority = Authority::new("ca");
    let log = LogFile::new();
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    tls::serve_with(&mut resources, &authority.issue(&["known.example"]));
    let listener = &mut resources.listeners[0];
    listener.access_log = vec![log.text(
        "%CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_TRANSPORT_FAILURE_REASON% %RESPONSE_FLAGS% \
         %ACCESS_LOG_TYPE% %DOWNSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_WIRE_BYTES_SENT%",
    )];
    let chain = &mut listener.filter_chains[0];
    chain.transport_socket_connect_timeout = xds::seconds(0.1);
    let gateway = Gateway::start(&resources);
    let mut silent = TcpStream::connect(gateway.address()).unwrap();
    let hello = tls::hello("known.example", &authority.pem());
    silent.write_all(&hello).unwrap();
    let _ = silent.read_to_end(&mut Vec::new());
    assert_eq!(
        log.lines(1)[0],
        "transport socket timeout was reached - - NotSet 0 0"
    );
}
