// SPDX-License-Identifier: Apache-2.0
//! Messages with descriptors between two processes of one user.
//!
//! In: a name. Out: messages, each a text and descriptors (SCM_RIGHTS). The name is in Linux's
//! abstract namespace, so that nothing is left behind by a process that dies; whoever is at the other
//! end must be the same user, or root.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::{UnixListener as StdListener, UnixStream as StdStream},
    },
};

use rustix::{
    cmsg_space,
    net::{
        self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType, sockopt,
    },
    process::geteuid,
};
use tokio::{
    io::Interest,
    net::{UnixListener, UnixStream},
};

/// One end. The type is for streams, but carries a socket that keeps the bounds of messages as well.
#[derive(Debug)]
pub(super) struct Channel(UnixStream);

/// Where the other end is expected.
#[derive(Debug)]
pub(super) struct Entrance(UnixListener);

/// What one message carries.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) text: String,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Entrance {
    /// Takes the name.
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let socket = socket()?;
        net::bind(
            &socket,
            &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        )?;
        net::listen(&socket, 1)?;
        let socket = UnixListener::from_std(StdListener::from(socket))?;
        Ok(Self(socket))
    }

    /// Waits for the other end; one of another user is an error.
    pub(super) async fn accept(&self) -> io::Result<Channel> {
        let (socket, _) = self.0.accept().await?;
        Channel::new(socket)
    }
}

impl Channel {
    /// Goes to the process that has the name; `None` when there is none.
    pub(super) fn connect(name: &str) -> io::Result<Option<Self>> {
        let socket = socket()?;
        let address = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
        match net::connect(&socket, &address) {
            Ok(()) => Self::new(UnixStream::from_std(StdStream::from(socket))?).map(Some),
            Err(rustix::io::Errno::CONNREFUSED) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn new(socket: UnixStream) -> io::Result<Self> {
        let other = sockopt::socket_peercred(&socket)?;
        if other.uid != geteuid() && !other.uid.is_root() {
            let text = format!("process {} is of another user", other.pid);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Ok(Self(socket))
    }

    /// Sends one message, with at most [`MOST`] descriptors.
    pub(super) async fn send(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let send = || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty()
                && !control.push(SendAncillaryMessage::ScmRights(descriptors))
            {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let text = [IoSlice::new(text.as_bytes())];
            net::sendmsg(&self.0, &text, &mut control, SendFlags::NOSIGNAL)?;
            Ok(())
        };
        self.0.async_io(Interest::WRITABLE, send).await
    }

    /// Waits for one message; `None` when the other end is gone.
    pub(super) async fn receive(&self) -> io::Result<Option<Letter>> {
        let receive = || receive(&self.0);
        self.0.async_io(Interest::READABLE, receive).await
    }
}

fn receive(socket: &UnixStream) -> io::Result<Option<Letter>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; LONGEST];
    let mut text = [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let count = match net::recvmsg(socket, &mut text, &mut control, flags) {
        Err(rustix::io::Errno::CONNRESET) => 0,
        received => received?.bytes,
    };
    let messages = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptors = messages.flatten().collect();
    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
    Ok((count > 0).then_some(Letter { text, descriptors }))
}

fn socket() -> io::Result<OwnedFd> {
    let kind = SocketType::SEQPACKET;
    Ok(net::socket_with(AddressFamily::UNIX, kind, FLAGS, None)?)
}

/// Descriptors in one message; the kernel takes 253.
pub(super) const MOST: usize = 64;
/// Bytes of text in one message: a word and two addresses.
const LONGEST: usize = 256;
const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);
