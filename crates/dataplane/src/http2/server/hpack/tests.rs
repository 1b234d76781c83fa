// SPDX-License-Identifier: Apache-2.0
//! Blocks of the standard, and blocks that come back.

use super::*;
use crate::http::Written;

fn text(decoder: &mut Decoder, block: &[u8]) -> Result<String, Fault> {
    let mut text = String::new();
    decoder
        .decode(block, |line| {
            text.push_str(&String::from_utf8_lossy(line.bytes));
        })
        .map(|()| text)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// RFC 7541 C.3 and C.4.
#[test]
fn requests_of_the_standard_are_read() {
    for blocks in [
        [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ],
        [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ],
    ] {
        let mut decoder = Decoder::new(4096);
        let texts = blocks.map(|block| text(&mut decoder, &bytes(block)).unwrap());
        assert_eq!(
            texts,
            [
                ":method: GET\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\n",
                ":method: GET\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\n\
                 cache-control: no-cache\r\n",
                ":method: GET\r\n:scheme: https\r\n:path: /index.html\r\n\
                 :authority: www.example.com\r\ncustom-key: custom-value\r\n",
            ]
        );
    }
}

/// RFC 7541 C.2 and 6.
#[test]
fn single_fields_are_read() {
    let mut decoder = Decoder::new(4096);
    for (block, wanted) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key: custom-header\r\n",
        ),
        (
            "040c 2f73 616d 706c 652f 7061 7468",
            ":path: /sample/path\r\n",
        ),
        (
            "1008 7061 7373 776f 7264 0673 6563 7265 74",
            "password: secret\r\n",
        ),
        ("82", ":method: GET\r\n"),
        ("be", "custom-key: custom-header\r\n"),
        ("20 3f e1 1f 82", ":method: GET\r\n"),
    ] {
        assert_eq!(text(&mut decoder, &bytes(block)).as_deref(), Ok(wanted));
    }
    // No such line, a table beyond what is allowed, a new limit behind a field, and cut ones.
    for block in [
        "be",
        "80",
        "3f e2 1f",
        "82 20",
        "40",
        "40 0a 63",
        "0f",
        "ff ff ff ff ff ff 01",
        "00 7f",
    ] {
        assert_eq!(text(&mut decoder, &bytes(block)), Err(Fault), "{block}");
    }
}

fn encode(encoder: &mut Encoder, lines: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.start(&mut out);
    encoder.lines(
        lines.as_bytes(),
        &mut Written::lines(lines.as_bytes()),
        &mut out,
    );
    out
}

#[test]
fn lines_come_back_and_get_short() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    let head = "Server: envoy\r\nDate: now\r\na: b\r\nX-Long: some longer value\r\n\r\n";
    let lengths = [0; 4].map(|_| {
        let block = encode(&mut encoder, head);
        let wanted = "server: envoy\r\ndate: now\r\na: b\r\nx-long: some longer value\r\n";
        assert_eq!(text(&mut decoder, &block).as_deref(), Ok(wanted));
        block.len()
    });
    assert_eq!(lengths[2..], [4, 4]);
    assert!(lengths[1] > 40);
    let block = encode(
        &mut encoder,
        "Connection: close\r\ntransfer-encoding: chunked\r\nx: \x01\r\n",
    );
    assert!(block.is_empty());
}

#[test]
fn random_lines_come_back() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..3000 {
        if round % 100 == 50 {
            encoder.set_limit(random.usize(..5000));
            encoder.set_limit(random.usize(..5000));
        }
        let mut lines = String::new();
        for _ in 0..random.usize(..12) {
            let name = ["server", "x-some", "set-cookie", "date", "etag", "q"][random.usize(..6)];
            let value = "v".repeat(random.usize(..200) * random.usize(..2));
            lines.push_str(&format!("{name}: {}{value}\r\n", random.u8(..6)));
        }
        let block = encode(&mut encoder, &lines);
        assert_eq!(text(&mut decoder, &block), Ok(lines));
    }
}

#[test]
fn fields_are_judged() {
    use crate::http::Known;
    let mut decoder = Decoder::new(4096);
    let mut tag = |name: &str, value: &str| {
        let mut block = vec![0, name.len() as u8];
        block.extend_from_slice(name.as_bytes());
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
        let mut tag = None;
        decoder.decode(&block, |line| tag = Some(line.tag)).unwrap();
        tag.unwrap()
    };
    for (name, value) in [
        ("A", "b"),
        ("", "b"),
        ("a b", "b"),
        ("a", "b\n"),
        ("a", "\0"),
        (":status", "200"),
        (":other", "1"),
        ("connection", "close"),
        ("upgrade", "a"),
        ("te", "gzip"),
    ] {
        assert_eq!(tag(name, value), Tag::Malformed, "{name} {value}");
    }
    assert_eq!(tag(":path", "/"), Tag::Pseudo(Pseudo::Path));
    let field = |known, underscore| Tag::Field { known, underscore };
    assert_eq!(tag("te", "trailers"), field(Known::Te, false));
    assert_eq!(tag("a_b", "\t \u{e4}"), field(Known::Other, true));
}
