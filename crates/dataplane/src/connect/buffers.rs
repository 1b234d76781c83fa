// SPDX-License-Identifier: Apache-2.0
//! The kernel's buffers of a connection (`SO_SNDBUF`, `SO_RCVBUF`).
//!
//! In: their sizes. Out: socket options. They are set before the handshake, which says how far the
//! window of TCP can grow.

use std::io;

use socket2::Socket;

use crate::plan::SocketBuffers;

/// Sets what is set; the kernel keeps the rest within its own limits.
pub(super) fn apply(buffers: SocketBuffers, socket: &Socket) -> io::Result<()> {
    if let Some(bytes) = buffers.send {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = buffers.receive {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    /// The kernel gives back twice what it was given.
    #[test]
    fn each_direction_has_its_own_size() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let before = socket.recv_buffer_size().unwrap();
        let send = SocketBuffers {
            send: Some(16_384),
            receive: None,
        };
        apply(send, &socket).unwrap();
        assert_eq!(socket.send_buffer_size().unwrap(), 32_768);
        assert_eq!(socket.recv_buffer_size().unwrap(), before);
        let receive = SocketBuffers {
            send: None,
            receive: Some(32_768),
        };
        apply(receive, &socket).unwrap();
        assert_eq!(socket.send_buffer_size().unwrap(), 32_768);
        assert_eq!(socket.recv_buffer_size().unwrap(), 65_536);
    }
}
