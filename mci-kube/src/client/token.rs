//! The bearer token of a file that someone else replaces: a pod's service account.
//!
//! The kubelet writes a new one long before the old one ends. It is read again when it is ten seconds old, and at once
//! after a 401. A file that cannot be read leaves the last token in use: some take the file away on purpose.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use tower::{BoxError, Layer, Service};
use tracing::warn;

/// A token that was read so long ago is read again before it is used.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Token {
    path: PathBuf,
    header: HeaderValue,
    read: Instant,
    refused: bool,
}

impl Token {
    fn read(path: &Path) -> Result<HeaderValue, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("the token file {} cannot be read: {error}", path.display()))?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", text.trim()))
            .map_err(|_| format!("the token file {} holds no token", path.display()))?;
        header.set_sensitive(true);
        Ok(header)
    }

    fn current(&mut self, now: Instant) -> HeaderValue {
        if self.refused || now.duration_since(self.read) >= FRESH {
            match Self::read(&self.path) {
                Ok(header) => self.header = header,
                Err(problem) => warn!(problem, "The last token stays in use"),
            }
            self.read = now;
            self.refused = false;
        }
        self.header.clone()
    }
}

/// Adds the file's token to each request.
#[derive(Clone, Debug)]
pub(super) struct FileTokenLayer(Arc<Mutex<Token>>);

impl FileTokenLayer {
    /// Reads the file for the first time.
    pub(super) fn new(path: PathBuf) -> Result<Self, String> {
        let header = Token::read(&path)?;
        Ok(Self(Arc::new(Mutex::new(Token { path, header, read: Instant::now(), refused: false }))))
    }
}

impl<S> Layer<S> for FileTokenLayer {
    type Service = FileToken<S>;

    fn layer(&self, inner: S) -> FileToken<S> {
        FileToken { inner, token: Arc::clone(&self.0) }
    }
}

/// The service that does so.
#[derive(Clone, Debug)]
pub(super) struct FileToken<S> {
    inner: S,
    token: Arc<Mutex<Token>>,
}

impl<S, B, R> Service<Request<B>> for FileToken<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let header = self.token.lock().unwrap_or_else(PoisonError::into_inner).current(Instant::now());
        request.headers_mut().insert(AUTHORIZATION, header);
        let answer = self.inner.call(request);
        let token = Arc::clone(&self.token);
        Box::pin(async move {
            let response = answer.await.map_err(Into::into)?;
            if response.status() == StatusCode::UNAUTHORIZED {
                token.lock().unwrap_or_else(PoisonError::into_inner).refused = true;
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;

    /// A server that knows one token, and the service in front of it.
    async fn ask(
        service: &mut (impl Service<Request<()>, Response = Response<()>, Error = BoxError> + Send),
    ) -> u16 {
        let request = Request::get("/").body(()).unwrap();
        service.ready().await.unwrap().call(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn after_a_401_the_file_is_read_again_at_once_and_one_that_is_gone_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "old\n").unwrap();
        let valid = Arc::new(Mutex::new("Bearer old"));
        let known = Arc::clone(&valid);
        let server = service_fn(move |request: Request<()>| {
            let good = request.headers()[AUTHORIZATION] == **known.lock().unwrap();
            let code = if good { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            async move { Ok::<_, Infallible>(Response::builder().status(code).body(()).unwrap()) }
        });
        let mut service = FileTokenLayer::new(file.path().to_owned()).unwrap().layer(server);
        assert_eq!(ask(&mut service).await, 200);
        fs::write(file.path(), "new").unwrap();
        assert_eq!(ask(&mut service).await, 200, "the old one still holds");
        *valid.lock().unwrap() = "Bearer new";
        assert_eq!(ask(&mut service).await, 401);
        assert_eq!(ask(&mut service).await, 200);
        drop(file);
        *valid.lock().unwrap() = "Bearer newer";
        assert_eq!((ask(&mut service).await, ask(&mut service).await), (401, 401));
        *valid.lock().unwrap() = "Bearer new";
        assert_eq!(ask(&mut service).await, 200, "the last one stays in use");
    }

    #[test]
    fn a_token_is_read_again_when_it_is_ten_seconds_old() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "old").unwrap();
        let layer = FileTokenLayer::new(file.path().to_owned()).unwrap();
        fs::write(file.path(), "new").unwrap();
        let mut token = layer.0.lock().unwrap();
        let read = token.read;
        let almost = FRESH.saturating_sub(Duration::from_millis(1));
        assert_eq!(token.current(read + almost), "Bearer old");
        assert_eq!(token.current(read + FRESH), "Bearer new");
    }
}
