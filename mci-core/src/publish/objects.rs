//! What is read of Kubernetes objects: no more than the rules ask for.
//!
//! A translator fills these in from the API server or from manifests and decides nothing. Hostnames and addresses that
//! people write stay texts here, because a bad one is said in a status and spoils nothing else (R19).

use core::net::IpAddr;
use std::sync::Arc;

use crate::hostname_state::{AnswerMode, DEFAULT_WEIGHT, Ttl, WhenAllDown};
use crate::publish::names::{GslbName, Key, Kind, ObjectName, Reference, Referent, RouteKind};

/// Any object that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// What to publish.
    Gslb(Gslb),
    /// An Ingress.
    Ingress(Ingress),
    /// A Service.
    Service(Service),
    /// A part of a Service's endpoints.
    EndpointSlice(EndpointSlice),
    /// A node.
    Node(Node),
    /// A Gateway.
    Gateway(Gateway),
    /// A route to backends behind a Gateway.
    Route(Route),
    /// A permission to refer to Services of another namespace.
    ReferenceGrant(ReferenceGrant),
}

impl Object {
    /// Which object this is.
    pub fn key(&self) -> Key {
        match self {
            Self::Gslb(gslb) => Key::new(Kind::Gslb(gslb.name.group), gslb.name.object.clone()),
            Self::Ingress(ingress) => Key::new(Kind::Ingress, ingress.name.clone()),
            Self::Service(service) => Key::new(Kind::Service, service.name.clone()),
            Self::EndpointSlice(slice) => Key::new(Kind::EndpointSlice, slice.name.clone()),
            Self::Node(node) => Key::new(Kind::Node, ObjectName::new("", node.name.clone())),
            Self::Gateway(gateway) => Key::new(Kind::Gateway, gateway.name.clone()),
            Self::Route(route) => Key::new(Kind::Route(route.kind), route.name.clone()),
            Self::ReferenceGrant(grant) => Key::new(Kind::ReferenceGrant, grant.name.clone()),
        }
    }
}

/// How many backend Services must be ready (R15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BackendPolicy {
    /// At least one.
    #[default]
    Any,
    /// Every one.
    All,
}

/// A GSLB object, in whichever group and form it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gslb {
    /// Which object this is.
    pub name: GslbName,
    /// `metadata.creationTimestamp`, in Unix seconds: the older of two claims wins (R19).
    pub created: u64,
    /// `metadata.generation`, which its status repeats.
    pub generation: i64,
    /// The kind and name of the object in its own namespace; nothing where it could not be read, which is a fault.
    pub reference: Option<(Referent, Arc<str>)>,
    /// The names to answer, as written.
    pub hostnames: Vec<String>,
    /// Addresses or names to answer instead of the object's own (R18), as written.
    pub ip_overrides: Vec<String>,
    /// Higher wins (R4).
    pub priority: i64,
    /// Share = weight / sum (R5).
    pub weight: u32,
    /// How long answers may be cached (R10).
    pub ttl: Option<Ttl>,
    /// Which addresses one answer has (R8).
    pub answer_mode: Option<AnswerMode>,
    /// What answers when nothing else does (R11).
    pub when_all_down: Option<WhenAllDown>,
    /// The addresses for `whenAllDown: static`, as written.
    pub fallback: Vec<String>,
    /// How many backends must be ready.
    pub backend_policy: BackendPolicy,
    /// What the translator could not read, each a sentence that says what would be right; what it could read works.
    pub faults: Vec<String>,
}

impl Gslb {
    /// A GSLB that refers to one object and sets nothing else: priority 0, weight 50.
    pub fn new(name: GslbName, kind: Referent, object: impl Into<Arc<str>>) -> Self {
        Self {
            name,
            created: 0,
            generation: 0,
            reference: Some((kind, object.into())),
            hostnames: Vec::new(),
            ip_overrides: Vec::new(),
            priority: 0,
            weight: DEFAULT_WEIGHT,
            ttl: None,
            answer_mode: None,
            when_all_down: None,
            fallback: Vec::new(),
            backend_policy: BackendPolicy::Any,
            faults: Vec::new(),
        }
    }

    /// The object that it refers to: in its own namespace, always.
    pub fn referent(&self) -> Option<Reference> {
        let (kind, name) = self.reference.as_ref()?;
        Some(Reference::new(*kind, self.name.object.sibling(name.clone())))
    }
}

/// `spec.type` of a Service, with headless as a type of its own (R16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServiceType {
    /// An address inside the cluster.
    #[default]
    ClusterIp,
    /// `ClusterIP` with `clusterIP: None`: its endpoints' own addresses.
    Headless,
    /// A port on each node.
    NodePort,
    /// A load balancer.
    LoadBalancer,
    /// A name elsewhere.
    ExternalName,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Which object this is.
    pub name: ObjectName,
    /// `metadata.resourceVersion`; empty where there is none.
    pub version: Arc<str>,
    /// Its type.
    pub kind: ServiceType,
    /// Every `ip` and `hostname` of `status.loadBalancer.ingress`.
    pub load_balancer: Vec<String>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<String>,
    /// `spec.externalName`.
    pub external_name: Option<Arc<str>>,
}

/// One of the `EndpointSlices` of a Service (R14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Which object this is.
    pub name: ObjectName,
    /// The label `kubernetes.io/service-name`: a slice without it belongs to no Service.
    pub service: Option<Arc<str>>,
    /// Its endpoints.
    pub endpoints: Vec<SliceEndpoint>,
}

/// One endpoint of an `EndpointSlice`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// Its addresses; none where the slice holds names.
    pub addresses: Vec<IpAddr>,
    /// `conditions.ready`: the only one that counts, and absent is true (R14).
    pub ready: Option<bool>,
    /// `conditions.serving`: never asked, since an endpoint that terminates gets no new clients.
    pub serving: Option<bool>,
    /// `conditions.terminating`: never asked, for `ready` is false then.
    pub terminating: Option<bool>,
    /// `nodeName`.
    pub node: Option<Arc<str>>,
}

impl SliceEndpoint {
    /// Whether it counts (R14).
    pub fn counts(&self) -> bool {
        self.ready.unwrap_or(true)
    }
}

/// A node, which has the addresses of `NodePort` Services (R16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses of type `ExternalIP`.
    pub external_ips: Vec<IpAddr>,
    /// Its addresses of type `InternalIP`.
    pub internal_ips: Vec<IpAddr>,
}

/// A backend of an Ingress.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IngressBackend {
    /// A Service of the same namespace. Its port is not asked: readiness is the Service's (R14).
    Service(Arc<str>),
    /// Any other object, such as a bucket, as `kind/name`: nobody can say whether it is ready, so it never counts.
    Resource(Arc<str>),
}

/// An Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// Which object this is.
    pub name: ObjectName,
    /// `metadata.resourceVersion`; empty where there is none.
    pub version: Arc<str>,
    /// Every `ip` and `hostname` of `status.loadBalancer.ingress`.
    pub addresses: Vec<String>,
    /// The default backend's and those of every path of every rule; a rule without `http` has none.
    pub backends: Vec<IngressBackend>,
}

/// A Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Which object this is.
    pub name: ObjectName,
    /// `metadata.resourceVersion`; empty where there is none.
    pub version: Arc<str>,
    /// The values of `status.addresses`, of both types.
    pub addresses: Vec<String>,
    /// Whether its condition `Programmed` is true.
    pub programmed: bool,
}

/// A route of the Gateway API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its kind.
    pub kind: RouteKind,
    /// Which object this is.
    pub name: ObjectName,
    /// `metadata.resourceVersion`; empty where there is none.
    pub version: Arc<str>,
    /// The Gateways among its `parentRefs`, one for each section that it names.
    pub parents: Vec<RouteParent>,
    /// The Services among its `backendRefs`. One of weight 0 gets no traffic and is left out.
    pub backends: Vec<ObjectName>,
}

/// A Gateway that a route asks to be attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteParent {
    /// The Gateway, of any namespace: whether that is allowed is for the Gateway to say, in `accepted`.
    pub gateway: ObjectName,
    /// Whether the condition `Accepted` is true in the route's status for this parent.
    pub accepted: bool,
}

/// A `ReferenceGrant`, as far as it lets routes refer to Services of its namespace (R17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceGrant {
    /// Which object this is; the Services are in its namespace.
    pub name: ObjectName,
    /// Who may refer: routes of this kind in this namespace.
    pub from: Vec<(RouteKind, Arc<str>)>,
    /// To which Services: one by name, or all of the namespace.
    pub to: Vec<Option<Arc<str>>>,
}
