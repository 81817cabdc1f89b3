//! Where something is reached: addresses and target names, and what was rejected of them.

use core::net::IpAddr;

use crate::hostname::Hostname;
use crate::text::{self, Place};

/// Where addresses come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nowhere: the object has none of its own.
    #[default]
    Nothing,
    /// `status.loadBalancer` of an Ingress.
    Ingress,
    /// `status.loadBalancer` of a Service.
    LoadBalancer,
    /// `spec.externalIPs`.
    ExternalIps,
    /// `spec.externalName`.
    ExternalName,
    /// The nodes of a `NodePort` Service.
    Nodes,
    /// The endpoints of a headless Service.
    Endpoints,
    /// `status.addresses` of Gateways.
    Gateways,
    /// `ipOverrides`.
    Overrides,
}

impl Source {
    /// Whether others fill it in, so that it can be lost without anybody's meaning it (R25).
    pub(crate) fn can_be_lost(self) -> bool {
        match self {
            Self::Ingress | Self::LoadBalancer | Self::Nodes | Self::Gateways => true,
            Self::Nothing | Self::ExternalIps | Self::ExternalName | Self::Endpoints | Self::Overrides => {
                false
            }
        }
    }
}

/// Addresses and names, in order and without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) source: Source,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) targets: Vec<Hostname>,
    /// What was rejected, and why (R19).
    pub(crate) rejected: Vec<String>,
}

impl Places {
    /// Texts that are addresses or names.
    pub(crate) fn of_texts(source: Source, texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut places = Self { source, ..Self::default() };
        for given in texts {
            let place = match source {
                Source::ExternalName => text::target(given.as_ref()),
                _ => text::place(given.as_ref()),
            };
            match place {
                Ok(Place::Address(address)) => places.addresses.push(address),
                Ok(Place::Target(name)) => places.targets.push(name),
                Err(error) => places.rejected.push(error),
            }
        }
        places.in_order()
    }

    /// Addresses that have been checked.
    pub(crate) fn of_addresses(
        source: Source,
        addresses: impl IntoIterator<Item = Result<IpAddr, String>>,
    ) -> Self {
        let mut places = Self { source, ..Self::default() };
        for checked in addresses {
            match checked {
                Ok(address) => places.addresses.push(address),
                Err(error) => places.rejected.push(error),
            }
        }
        places.in_order()
    }

    /// These and others.
    pub(crate) fn and(mut self, others: &Self) -> Self {
        self.addresses.extend(&others.addresses);
        self.targets.extend(others.targets.iter().cloned());
        self.rejected.extend(others.rejected.iter().cloned());
        self.in_order()
    }

    /// Whether there is neither address nor name.
    pub(crate) fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.targets.is_empty()
    }

    fn in_order(mut self) -> Self {
        self.addresses.sort_unstable();
        self.addresses.dedup();
        self.targets.sort_unstable();
        self.targets.dedup();
        self.rejected.sort_unstable();
        self.rejected.dedup();
        self
    }
}
