// SPDX-License-Identifier: Apache-2.0
//! A scripted DNS server: what it answers can change at any time; what it was asked is kept.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// A server on a free UDP port, for as long as the process lives.
pub(crate) struct DnsServer {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Zone {
    /// These addresses, of either family; none is an answer without records.
    Addresses(Vec<IpAddr>, u32),
    /// A response code, such as `NXDOMAIN`.
    Code(u8),
    /// No answer.
    Silent,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    /// `A` or `AAAA`.
    pub(crate) kind: u16,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Script {
    zones: HashMap<String, Zone>,
    questions: Vec<Question>,
}

pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
pub(crate) const SERVFAIL: Zone = Zone::Code(2);
pub(crate) const NXDOMAIN: Zone = Zone::Code(3);

/// Addresses with a TTL of a minute.
pub(crate) fn addresses(list: &[&str]) -> Zone {
    lived(list, 60)
}

/// Addresses with a TTL in seconds.
pub(crate) fn lived(list: &[&str], ttl: u32) -> Zone {
    Zone::Addresses(list.iter().map(|ip| ip.parse().unwrap()).collect(), ttl)
}

impl DnsServer {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let script = Arc::<Mutex<Script>>::default();
        let shared = script.clone();
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = answer(&buffer[..length], &shared) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        Self { address, script }
    }

    /// Says what a name stands for from now on. Other names do not exist.
    pub(crate) fn set(&self, name: &str, zone: Zone) {
        let mut script = self.script.lock().unwrap();
        script.zones.insert(name.to_owned(), zone);
    }

    /// The questions about a name so far.
    pub(crate) fn questions(&self, name: &str) -> Vec<Question> {
        let script = self.script.lock().unwrap();
        let about = script.questions.iter().filter(|asked| asked.name == name);
        about.cloned().collect()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.questions(name).len()
    }

    /// The time between one question about a name and the next.
    pub(crate) fn gaps(&self, name: &str) -> Vec<Duration> {
        let questions = self.questions(name);
        let pairs = questions.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }
}

/// The answer to a message with one question, if the script has one.
fn answer(message: &[u8], script: &Mutex<Script>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    while *message.get(at)? != 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(message.get(at + 1..end)?).to_lowercase());
        at = end;
    }
    let end = at + 5;
    let kind = u16::from_be_bytes([*message.get(at + 1)?, *message.get(at + 2)?]);
    let name = labels.join(".");
    let mut script = script.lock().unwrap();
    script.questions.push(Question {
        name: name.clone(),
        kind,
        at: Instant::now(),
    });
    let (code, addresses, ttl) = match script.zones.get(&name) {
        Some(Zone::Addresses(addresses, ttl)) => (0, addresses.clone(), *ttl),
        Some(Zone::Code(code)) => (*code, Vec::new(), 0),
        Some(Zone::Silent) => return None,
        None => (3, Vec::new(), 0),
    };
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|ip| match ip {
            IpAddr::V4(ip) => (kind == A).then(|| ip.octets().to_vec()),
            IpAddr::V6(ip) => (kind == AAAA).then(|| ip.octets().to_vec()),
        })
        .collect();
    let count = u8::try_from(records.len()).unwrap();
    let mut answer = message[..2].to_vec();
    // A response with recursion, one question, `count` answers.
    answer.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(message.get(HEADER..end)?);
    for data in records {
        // The name of the question, class IN.
        answer.extend([0xc0, 0x0c]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, u8::try_from(data.len()).unwrap()]);
        answer.extend(data);
    }
    Some(answer)
}

const HEADER: usize = 12;
