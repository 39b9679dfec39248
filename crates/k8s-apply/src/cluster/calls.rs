//! The calls that this crate makes.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use kube::api::{
    DeleteParams, GetParams, ListParams, LogParams, Patch, PatchParams, Preconditions,
    PropagationPolicy, ValidationDirective,
};
use kube::client::Body;
use kube::core::request::Error as RequestError;
use serde_json::Value;
use tokio::time::timeout;

use super::{Answer, CallError, Cluster, Doing, Kind};
use crate::object::Object;

/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// How long the end of a log is waited for.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// The end of which log.
#[derive(Debug, Clone, Copy)]
pub struct LogTailOf<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// Its container.
    pub container: &'a str,
    /// Of the container's run before this one.
    pub previous: bool,
    /// How many lines.
    pub lines: i64,
}

/// Which objects of a list are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// A label selector.
    pub labels: Option<&'a str>,
    /// A field selector.
    pub fields: Option<&'a str>,
}

/// How a manifest is applied.
#[derive(Debug, Clone)]
pub struct Applying<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// Whether fields of other managers are taken.
    pub force: bool,
    /// Whether the server only says what it would do.
    pub dry_run: bool,
    /// Whether the kind or namespace was made just before.
    pub just_made: bool,
}

/// Which object is to be deleted, and how.
#[derive(Debug, Clone)]
pub struct Deleting<'a> {
    /// Its kind.
    pub kind: &'a Kind,
    /// Its namespace.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// Only if this is its UID.
    pub uid: Option<&'a str>,
    /// Only if this is its version.
    pub resource_version: Option<&'a str>,
    /// What becomes of the objects that it owns.
    pub propagation: PropagationPolicy,
    /// Whether the server only says what it would do.
    pub dry_run: bool,
}

impl Cluster {
    /// Reads an object. None if there is no such object.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn get(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Object>, CallError> {
        let doing = Doing::new(words("read", kind, namespace, name));
        let request =
            kube::core::Request::new(kind.path(namespace)).get(name, &GetParams::default());
        match self.send(&doing, request).await {
            Ok(answer) => object(&doing, answer.value).map(Some),
            Err(error) if error.is_code(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists objects of a namespace, or of all, page by page.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<Object>, CallError> {
        self.list_where(kind, namespace, &Filter { labels: selector, fields: None }).await
    }

    /// Lists those objects of a namespace, or of all, that pass a filter, page by page.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn list_where(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        filter: &Filter<'_>,
    ) -> Result<Vec<Object>, CallError> {
        self.list_at(kind, namespace, filter).await.map(|(found, _)| found)
    }

    /// The same, with the version of the list: what a watch goes on from.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn list_at(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        filter: &Filter<'_>,
    ) -> Result<(Vec<Object>, String), CallError> {
        let mut found = Vec::new();
        let mut restarts = 0;
        let mut next: Option<String> = None;
        loop {
            match self.page(kind, namespace, filter, next.as_deref()).await {
                Ok(page) => {
                    found.extend(page.objects);
                    next = page.next;
                    if next.is_none() {
                        return Ok((found, page.version));
                    }
                }
                // The state that the pages were taken of is too old: begin anew.
                Err(error) if error.is_code(410) && next.is_some() && restarts < 3 => {
                    restarts += 1;
                    next = None;
                    found.clear();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One page of a list.
    ///
    /// # Errors
    /// If the server refuses or does not answer. 410: the pages have to be read anew.
    pub async fn page(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        filter: &Filter<'_>,
        next: Option<&str>,
    ) -> Result<Page, CallError> {
        let doing = Doing::new(match namespace {
            Some(namespace) => format!("list {} of namespace {namespace}", kind.plural),
            None => format!("list {}", kind.plural),
        });
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = filter.labels.map(str::to_owned);
        params.field_selector = filter.fields.map(str::to_owned);
        params.continue_token = next.map(str::to_owned);
        let request = kube::core::Request::new(kind.path(namespace)).list(&params);
        let mut value = self.send(&doing, request).await?.value;
        let text = |pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let next = text("/metadata/continue");
        let version = text("/metadata/resourceVersion").unwrap_or_default();
        let remaining =
            value.pointer("/metadata/remainingItemCount").and_then(Value::as_u64).unwrap_or(0);
        let items = match value.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let (api_version, kind_name) = (kind.gvk.api_version(), &kind.gvk.kind);
        let objects = items
            .into_iter()
            .map(|mut item| {
                // Items of a list leave these out.
                if let Value::Object(members) = &mut item {
                    members.insert("apiVersion".into(), api_version.as_str().into());
                    members.insert("kind".into(), kind_name.as_str().into());
                }
                object(&doing, item)
            })
            .collect::<Result<_, _>>()?;
        Ok(Page { objects, next, remaining, version })
    }

    /// Applies a manifest, server-side, with unknown fields refused.
    ///
    /// # Errors
    /// If the server refuses (a conflict is a 409 with causes), or does not answer.
    pub async fn apply(
        &self,
        kind: &Kind,
        manifest: &Object,
        how: &Applying<'_>,
    ) -> Result<(Object, Vec<String>), CallError> {
        let verb = if how.dry_run { "try to apply" } else { "apply" };
        let doing = Doing::new(words(verb, kind, manifest.namespace(), manifest.name()))
            .just_made(how.just_made);
        // With a version, a conflict may be about that: the caller has to look again.
        let doing = if manifest.resource_version().is_none() { doing.settling() } else { doing };
        let params = PatchParams {
            dry_run: how.dry_run,
            force: how.force,
            field_manager: Some(how.manager.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let request = kube::core::Request::new(kind.path(manifest.namespace())).patch(
            manifest.name(),
            &params,
            &Patch::Apply(manifest.value()),
        );
        let answer = self.send(&doing, request).await?;
        Ok((object(&doing, answer.value)?, answer.warnings))
    }

    /// Sends a JSON patch (RFC 6902) or a merge patch for an object.
    ///
    /// # Errors
    /// If the server refuses (a test that fails is a 409 or 422), or does not answer.
    pub async fn patch(
        &self,
        kind: &Kind,
        target: &Object,
        change: &Change<'_>,
    ) -> Result<Object, CallError> {
        let doing = Doing::new(words(change.words, kind, target.namespace(), target.name()));
        let params = PatchParams {
            field_manager: Some(change.manager.to_owned()),
            ..PatchParams::default()
        };
        let path = kube::core::Request::new(kind.path(target.namespace()));
        let built = match change.subresource {
            Some(subresource) => path.patch_subresource(
                subresource,
                target.name(),
                &params,
                &Patch::Merge(change.body),
            ),
            None => path.patch(target.name(), &params, &Patch::Merge(change.body)),
        };
        let mut request = built.map_err(|error| broken(&doing, &error))?;
        if change.body.is_array() {
            let json_patch = http::HeaderValue::from_static("application/json-patch+json");
            request.headers_mut().insert(http::header::CONTENT_TYPE, json_patch);
        }
        let answer = self.call(&doing, &request).await?;
        object(&doing, answer.value)
    }

    /// Makes an object. `None` if one of that name is there: then the caller has to look whose it is, since a call whose
    /// answer was lost is sent again.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn create(
        &self,
        kind: &Kind,
        manifest: &Object,
    ) -> Result<Option<Object>, CallError> {
        let doing = Doing::new(words("make", kind, manifest.namespace(), manifest.name()));
        let path = kind.path(manifest.namespace());
        let request = Request::post(format!("{path}?fieldValidation=Strict"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(manifest.value()).unwrap_or_default())
            .map_err(RequestError::BuildRequest);
        match self.send(&doing, request).await {
            Ok(answer) => object(&doing, answer.value).map(Some),
            Err(error) if error.status().is_some_and(|status| status.reason == "AlreadyExists") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The last lines of what a container wrote. `None` if they cannot be had: this is asked once, for people to read.
    pub async fn log_tail(&self, wanted: &LogTailOf<'_>) -> Option<String> {
        let path = format!("/api/v1/namespaces/{}/pods", wanted.namespace);
        let params = LogParams {
            container: Some(wanted.container.to_owned()),
            previous: wanted.previous,
            tail_lines: Some(wanted.lines),
            ..LogParams::default()
        };
        let request = kube::core::Request::new(path).logs(wanted.pod, &params).ok()?;
        timeout(LOG_PATIENCE, self.client().request_text(request)).await.ok()?.ok()
    }

    /// What a container writes from now on and wrote before, as it comes. With `since` (a time as the server writes it)
    /// only what it wrote from then on. Each line begins with its time and a space.
    ///
    /// # Errors
    /// If the server refuses, or does not answer in time. It is asked once.
    pub async fn follow_log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        since: Option<&str>,
    ) -> Result<LogStream, CallError> {
        let doing = Doing::new(format!("follow the log of pod {namespace}/{pod}"));
        let mut path = format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&follow=true&timestamps=true"
        );
        if let Some(since) = since {
            // Only `:` and `+` of a time have a meaning in a query.
            let since = since.replace(':', "%3A").replace('+', "%2B");
            path.push_str("&sinceTime=");
            path.push_str(&since);
        }
        let request = Request::get(path).body(Body::empty()).map_err(|error| {
            CallError::Broken { what: doing.what.clone(), fault: error.to_string() }
        })?;
        let failed = |last: String| CallError::GaveUp {
            what: doing.what.clone(),
            tries: 1,
            seconds: 0,
            last,
        };
        let sent = timeout(self.limits().request, self.client().send(request));
        let response = sent
            .await
            .map_err(|_| failed("no answer in time".to_owned()))?
            .map_err(|error| failed(super::chain(&error)))?;
        if !response.status().is_success() {
            return Err(failed(format!("the server answered {}", response.status())));
        }
        Ok(LogStream { body: response.into_body(), rest: Vec::new() })
    }

    /// Asks for an object to be made, for the server to say whether it would accept it. Nothing is made.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn rehearse(&self, kind: &Kind, manifest: &Object) -> Result<(), CallError> {
        let doing = Doing::new(words("rehearse", kind, manifest.namespace(), manifest.name()));
        self.try_to_make(&doing, kind, manifest.namespace(), manifest.value()).await.map(drop)
    }

    /// What the server would make of a manifest if nothing of that name was there: with its defaults. Nothing is made.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn as_new(&self, kind: &Kind, manifest: &Object) -> Result<Object, CallError> {
        let doing = Doing::new(words("rehearse", kind, manifest.namespace(), manifest.name()));
        let mut body = manifest.value().clone();
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            metadata.remove("name");
            metadata.insert("generateName".into(), "k8s-apply-".into());
        }
        let made = self.try_to_make(&doing, kind, manifest.namespace(), &body).await?;
        object(&doing, made.value)
    }

    async fn try_to_make(
        &self,
        doing: &Doing,
        kind: &Kind,
        namespace: Option<&str>,
        body: &Value,
    ) -> Result<Answer, CallError> {
        let path = kind.path(namespace);
        let request = Request::post(format!("{path}?dryRun=All&fieldValidation=Strict"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(body).unwrap_or_default())
            .map_err(RequestError::BuildRequest);
        self.send(doing, request).await
    }

    /// Deletes an object. `false` if there is no such object any more.
    ///
    /// # Errors
    /// If the server refuses (a UID or version that is another one is a 409), or does not answer.
    pub async fn delete(&self, target: &Deleting<'_>) -> Result<bool, CallError> {
        let doing = Doing::new(words("delete", target.kind, target.namespace, target.name));
        let preconditions = Preconditions {
            uid: target.uid.map(str::to_owned),
            resource_version: target.resource_version.map(str::to_owned),
        };
        let params = DeleteParams {
            dry_run: target.dry_run,
            propagation_policy: Some(target.propagation.clone()),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let request = kube::core::Request::new(target.kind.path(target.namespace))
            .delete(target.name, &params);
        match self.send(&doing, request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_code(404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        doing: &Doing,
        request: Result<Request<Vec<u8>>, RequestError>,
    ) -> Result<Answer, CallError> {
        let request = request.map_err(|error| broken(doing, &error))?;
        self.call(doing, &request).await
    }
}

/// A log that is followed.
pub struct LogStream {
    body: Body,
    rest: Vec<u8>,
}

impl std::fmt::Debug for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}

impl LogStream {
    /// The next line, without its end. `None` at the end of the log, or when the connection has broken.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
                _ if self.rest.is_empty() => return None,
                _ => {
                    let rest = std::mem::take(&mut self.rest);
                    return Some(String::from_utf8_lossy(&rest).into_owned());
                }
            }
        }
    }
}

/// A patch that is no apply.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// What it does, such as `take over`.
    pub words: &'static str,
    /// The field manager.
    pub manager: &'a str,
    /// The subresource that it is for.
    pub subresource: Option<&'static str>,
    /// A list of operations (a JSON patch), or a mapping (a merge patch).
    pub body: &'a Value,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Object>,
    /// What to ask the next page with; none after the last one.
    pub next: Option<String>,
    /// How many objects follow; 0 if there are none, or if the server does not say.
    pub remaining: u64,
    /// The version of the list.
    pub version: String,
}

fn words(verb: &str, kind: &Kind, namespace: Option<&str>, name: &str) -> String {
    let key = crate::object::ObjectKey {
        group_kind: kind.gvk.group_kind(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    };
    format!("{verb} {key}")
}

fn broken(doing: &Doing, error: &RequestError) -> CallError {
    CallError::Broken { what: doing.what.clone(), fault: super::chain(error) }
}

fn object(doing: &Doing, value: Value) -> Result<Object, CallError> {
    Object::try_from(value).map_err(|fault| CallError::Broken {
        what: doing.what.clone(),
        fault: format!("the answer is no object: {fault}"),
    })
}
