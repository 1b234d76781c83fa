// SPDX-License-Identifier: Apache-2.0
//! Sizes of the kernel's buffers (`upstream_bind_config.socket_options`).
//!
//! In: the bind configuration of a cluster. Out: the sizes, when it asks for nothing else.

use sluicegate_xds::pb::envoy::config::core::v3::{
    BindConfig, SocketOption,
    socket_option::{SocketState, Value},
};

/// Bytes of the kernel's buffers of a connection; the kernel doubles them. Absent: its own choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SocketBuffers {
    /// `SO_SNDBUF`.
    pub(crate) send: Option<usize>,
    /// `SO_RCVBUF`.
    pub(crate) receive: Option<usize>,
}

impl SocketBuffers {
    /// `None`: something else is asked for as well.
    pub(super) fn compile(bind: &BindConfig) -> Option<Self> {
        let only = BindConfig {
            socket_options: bind.socket_options.clone(),
            ..BindConfig::default()
        };
        let mut buffers = Self::default();
        for option in &bind.socket_options {
            buffers.set(option)?;
        }
        (only == *bind).then_some(buffers)
    }

    fn set(&mut self, option: &SocketOption) -> Option<()> {
        let always = option.r#type.is_none() && option.state == SocketState::StatePrebind as i32;
        let Some(Value::IntValue(bytes)) = option.value else {
            return None;
        };
        let size = Some(usize::try_from(bytes).ok()?);
        match (option.level, option.name) {
            (SOL_SOCKET, SO_SNDBUF) if always => self.send = size,
            (SOL_SOCKET, SO_RCVBUF) if always => self.receive = size,
            _ => return None,
        }
        Some(())
    }
}

/// Linux's numbers, which are what the configuration is written in.
const SOL_SOCKET: i64 = 1;
const SO_SNDBUF: i64 = 7;
const SO_RCVBUF: i64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn option(level: i64, name: i64, bytes: i64) -> SocketOption {
        SocketOption {
            level,
            name,
            value: Some(Value::IntValue(bytes)),
            ..SocketOption::default()
        }
    }

    fn bind(options: &[SocketOption]) -> BindConfig {
        BindConfig {
            socket_options: options.to_vec(),
            ..BindConfig::default()
        }
    }

    #[test]
    fn sizes_of_both_directions_are_read() {
        let both = bind(&[option(1, 7, 4096), option(1, 8, 8192)]);
        let buffers = SocketBuffers {
            send: Some(4096),
            receive: Some(8192),
        };
        assert_eq!(SocketBuffers::compile(&both), Some(buffers));
    }

    #[test]
    fn what_is_not_enforced_is_told() {
        let later = SocketOption {
            state: SocketState::StateBound as i32,
            ..option(1, 7, 4096)
        };
        for other in [option(1, 9, 1), option(6, 7, 1), option(1, 7, -1), later] {
            assert_eq!(SocketBuffers::compile(&bind(&[other])), None);
        }
        let address = BindConfig {
            source_address: Some(Default::default()),
            ..BindConfig::default()
        };
        assert_eq!(SocketBuffers::compile(&address), None);
    }
}
