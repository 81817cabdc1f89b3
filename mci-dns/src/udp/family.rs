//! What differs between IPv4 and IPv6: addresses and the control message that says which of ours a query was sent to.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, SockaddrIn, SockaddrIn6, SockaddrLike};

/// IPv4 or IPv6.
pub(super) trait Family: 'static {
    /// A client's address.
    type Peer: SockaddrLike + Copy + Into<SocketAddr>;
    /// The address of ours that a query was sent to: what its reply comes from (D32).
    type Local: Copy + PartialEq;
    /// [`Self::Local`] as the kernel has it.
    type Info;

    /// Room for one control message.
    fn control_space() -> Vec<u8>;
    /// The address of ours in a control message.
    fn local(control: &ControlMessageOwned) -> Option<Self::Local>;
    /// What [`Self::control`] borrows.
    fn info(local: Self::Local) -> Self::Info;
    /// The control message that sends from there.
    fn control(info: &Self::Info) -> ControlMessage<'_>;
}

/// IPv4, with `IP_PKTINFO`.
pub(super) enum V4 {}

impl Family for V4 {
    type Peer = SockaddrIn;
    type Local = Ipv4Addr;
    type Info = in_pktinfo;

    fn control_space() -> Vec<u8> {
        nix::cmsg_space!(in_pktinfo)
    }

    fn local(control: &ControlMessageOwned) -> Option<Ipv4Addr> {
        match control {
            // `ipi_spec_dst`, not `ipi_addr`: for a query to a broadcast address it is one that can be sent from.
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
            }
            _ => None,
        }
    }

    fn info(local: Ipv4Addr) -> in_pktinfo {
        // No interface: the reply goes where the routing table says, as every other packet to that client.
        in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(local.octets()) },
            ipi_addr: in_addr { s_addr: 0 },
        }
    }

    fn control(info: &in_pktinfo) -> ControlMessage<'_> {
        ControlMessage::Ipv4PacketInfo(info)
    }
}

/// IPv6, with `IPV6_PKTINFO` (RFC 3542 §6).
pub(super) enum V6 {}

impl Family for V6 {
    type Peer = SockaddrIn6;
    /// With the interface, for a link-local address alone: it means nothing without.
    type Local = (Ipv6Addr, u32);
    type Info = in6_pktinfo;

    fn control_space() -> Vec<u8> {
        nix::cmsg_space!(in6_pktinfo)
    }

    fn local(control: &ControlMessageOwned) -> Option<(Ipv6Addr, u32)> {
        match control {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                Some((address, if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 }))
            }
            _ => None,
        }
    }

    fn info((address, interface): (Ipv6Addr, u32)) -> in6_pktinfo {
        in6_pktinfo { ipi6_addr: in6_addr { s6_addr: address.octets() }, ipi6_ifindex: interface }
    }

    fn control(info: &in6_pktinfo) -> ControlMessage<'_> {
        ControlMessage::Ipv6PacketInfo(info)
    }
}
