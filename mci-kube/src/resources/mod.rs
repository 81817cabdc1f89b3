//! The objects that MCI keeps in the API server, as Rust types.
//!
//! Decoding loses nothing and is lenient where one mistake would otherwise take others with it: an item of a list that
//! cannot be read is kept as it came ([`Item::Malformed`]), and unknown fields are passed over. What an object *means*
//! is decided elsewhere: these types refuse to know names, defaults and ranges, which `content` checks.
//!
//! ```text
//!  people ──► GSLB ──► (operator) ──► ClusterCache ──► (orchestrator) ──► HostnameCache ──► (dns-server)
//!                          └──► ResourceCache, ServiceCache (for people)
//!  people, orchestrator ──► Cluster
//! ```

mod cluster;
mod cluster_cache;
mod gslb;
mod hostname_cache;
mod item;
mod resource_cache;
mod service_cache;

pub use self::cluster::{Cluster, ClusterSpec, ClusterStatus, HostnameOverride, OverrideFields};
pub use self::cluster_cache::{ClusterCache, PublishedHostname, ServiceEndpointCount};
pub use self::gslb::{
    BackendPolicy, CyclopsGslb, Gslb, GslbFields, GslbSpec, GslbStatus, ObjectReference, ReferenceKind,
    ShapeError,
};
pub use self::hostname_cache::{CachedAddress, CachedEndpoint, HostnameCache, ProjectedAddress};
pub use self::item::Item;
pub use self::resource_cache::{ObjectName, ResourceCache};
pub use self::service_cache::ServiceCache;

/// The API group of everything that MCI keeps.
pub const GROUP: &str = "multicluster.veccsolutions.io";
/// The group of GSLB objects that were written for the .NET application since April 2026.
pub const CYCLOPS_GROUP: &str = "multicluster.cyclops.io";
/// The version of every kind in both groups.
pub const VERSION: &str = "v1alpha";

/// What [`kube::Resource`] asks of a namespaced kind, and a constructor.
///
/// kube's derive asks for a `spec` that holds everything; most of these kinds have their fields on the top level.
macro_rules! resource {
    ($type:ident { kind: $kind:literal, plural: $plural:literal, group: $group:expr $(,)? }) => {
        impl ::kube::Resource for $type {
            type DynamicType = ();
            type Scope = ::kube::core::NamespaceResourceScope;

            fn kind((): &()) -> ::std::borrow::Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> ::std::borrow::Cow<'_, str> {
                $group.into()
            }

            fn version((): &()) -> ::std::borrow::Cow<'_, str> {
                $crate::resources::VERSION.into()
            }

            fn plural((): &()) -> ::std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }

        impl Default for $type {
            /// An object without a name and without content.
            fn default() -> Self {
                Self::named("")
            }
        }
    };
}
use resource;

/// `group/version`, as `apiVersion` has it.
fn api_version(group: &str) -> String {
    format!("{group}/{VERSION}")
}

/// A list that is `null` is a list without items.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}
