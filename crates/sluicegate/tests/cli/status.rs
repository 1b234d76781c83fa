// SPDX-License-Identifier: Apache-2.0
//! `status`.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use crate::{
    manifests::BROKEN,
    support::{HTTPBIN, run, run_with},
};

#[test]
fn table_has_a_row_per_place() {
    let run = run(&["status", HTTPBIN]);
    let expected = "\
OBJECT                                          AT                            CONDITIONS
BackendConfigPolicy httpbin/httpbin-connection  Service httpbin/httpbin       Accepted, Attached
Gateway kgateway-system/http                                                  Accepted, Programmed unknown, ResolvedRefs
Gateway kgateway-system/http                    listener http (1 route)       Accepted, Programmed unknown, ResolvedRefs
HTTPRoute httpbin/httpbin                       Gateway kgateway-system/http  Accepted, ResolvedRefs
";
    assert_eq!(run.stdout, expected);
}

#[test]
fn sentences_stand_below_what_is_not_well() {
    let run = run_with(&["status", HTTPBIN, "-"], BROKEN);
    assert_eq!(run.code, 0);
    run.says(&[
        "BackendConfigPolicy httpbin/a                   Service httpbin/htpbin              \
         not Accepted (TargetNotFound), not Attached (Pending)\n  \
         not Accepted (TargetNotFound): Service httpbin/htpbin does not exist\n",
        "not ResolvedRefs (RefNotPermitted): no ReferenceGrant in other",
    ]);
}

/// A running instance and manifests give one table.
#[test]
fn running_instance_gives_the_same_table() {
    let json = run(&["status", "-o", "json", HTTPBIN]).stdout;
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{json}",
            json.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let live = run(&["status", "--admin", &url]);
    assert!(
        thread
            .join()
            .unwrap()
            .starts_with("GET /sluicegate/status ")
    );
    assert_eq!(live.code, 0, "{}", live.stderr);
    assert_eq!(live.stdout, run(&["status", HTTPBIN]).stdout);
}

#[test]
fn silent_instance_is_an_environment_error() {
    let run = run(&["status", "--admin", "http://127.0.0.1:1"]);
    assert_eq!(run.code, 3);
    assert!(
        run.stderr.contains("is an instance running"),
        "{}",
        run.stderr
    );
}
