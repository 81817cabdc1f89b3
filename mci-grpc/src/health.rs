//! The services beside the query: `grpc.health.v1` and reflection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::server::Builder;

use crate::backend::Backend;
use crate::pb;

/// The services that have a state: the server as a whole, and the one that answers.
const SERVICES: [&str; 2] = ["", "coredns.dns.DnsService"];
/// How often a watch looks whether readiness changed.
const LOOK: Duration = Duration::from_millis(250);

/// Everything that is not a query.
pub(crate) fn routes(backend: &Arc<Backend>, stopping: &CancellationToken) -> Routes {
    let readiness = Readiness { backend: Arc::clone(backend), stopping: stopping.clone() };
    let definitions = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Routes::new(HealthServer::new(readiness))
        .add_service(definitions().build_v1().expect("generated definitions are complete"))
        .add_service(definitions().build_v1alpha().expect("generated definitions are complete"))
        .prepare()
}

/// SERVING exactly while the first sync is done and no shutdown has begun.
#[derive(Clone)]
struct Readiness {
    backend: Arc<Backend>,
    stopping: CancellationToken,
}

impl Readiness {
    fn now(&self) -> ServingStatus {
        if self.backend.is_ready() && !self.stopping.is_cancelled() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }
}

type Watch = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for Readiness {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if SERVICES.contains(&request.get_ref().service.as_str()) {
            Ok(Response::new(response(self.now())))
        } else {
            Err(Status::not_found("no such service here: ask for coredns.dns.DnsService, or for none"))
        }
    }

    type WatchStream = Watch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        if !SERVICES.contains(&request.get_ref().service.as_str()) {
            let unknown = futures_util::stream::once(async { Ok(response(ServingStatus::ServiceUnknown)) });
            return Ok(Response::new(Box::pin(unknown)));
        }
        let told = None;
        let changes = futures_util::stream::unfold((self.clone(), told), |(readiness, told)| async move {
            loop {
                let now = readiness.now();
                if told != Some(now) {
                    return Some((Ok(response(now)), (readiness, Some(now))));
                }
                if readiness.stopping.is_cancelled() {
                    // The last word was NOT_SERVING; a watch must not hold up the shutdown.
                    return None;
                }
                tokio::select! {
                    () = readiness.stopping.cancelled() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
