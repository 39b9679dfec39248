//! From a request to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::unfold;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

use crate::delete::Deletion;
use crate::discovery;
use crate::failure::Failure;
use crate::read::Listing;
use crate::selector::Selector;
use crate::watch::{Watch, Watching};
use crate::write::{Update, key};
use crate::{Inner, Kind};

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What is asked, taken apart.
struct Call<'a> {
    method: &'a Method,
    content_type: &'a str,
    query: Vec<(String, String)>,
    body: &'a [u8],
}

/// What a path names.
struct Target<'a> {
    kind: usize,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    is_status: bool,
}

impl Call<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn is_set(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value != "false" && value != "0")
    }

    fn is_dry_run(&self) -> bool {
        self.parameter("dryRun").is_some()
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Failure> {
        let text = self.parameter(name).filter(|text| !text.is_empty());
        let fault = |text| Failure::bad_request(format!("invalid {name}: {text}"));
        text.map(|text| text.parse().map_err(|_| fault(text))).transpose()
    }

    fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(self.body).map_err(|error| {
            Failure::bad_request(format!("the object provided is unrecognized: {error}"))
        })
    }
}

/// Answers a request.
pub(crate) fn respond(inner: &Arc<Inner>, parts: &Parts, body: &[u8]) -> Response<Body> {
    let header = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let query = parts.uri.query().unwrap_or_default();
    let call = Call {
        method: &parts.method,
        content_type: header(CONTENT_TYPE).unwrap_or("application/json"),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        body,
    };
    let path: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    if call.method == Method::GET
        && let Some(response) = discover(&inner.kinds, &path, header(ACCEPT).unwrap_or_default())
    {
        return response;
    }
    let done = target(&inner.kinds, &path).and_then(|target| match target.name {
        Some(name) => on_object(inner, &call, &target, name),
        None => on_all(inner, &call, &target),
    });
    done.unwrap_or_else(|failure| answer(failure.code, &failure.status()))
}

fn answer(code: u16, value: &Value) -> Response<Body> {
    let mut response = Response::new(Full::new(value.to_string().into()).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn discover(kinds: &[Kind], path: &[&str], accepted: &str) -> Option<Response<Body>> {
    let value = match path {
        ["api" | "apis"] if accepted.contains("as=APIGroupDiscoveryList") => {
            let mut response = answer(200, &discovery::aggregated(kinds, path == ["api"]));
            let media_type = HeaderValue::from_static(discovery::AGGREGATED);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            return Some(response);
        }
        ["api"] => discovery::versions(kinds),
        ["apis"] => discovery::group_list(kinds),
        ["api", version] => discovery::resources(kinds, "", version)?,
        ["apis", group, version] => discovery::resources(kinds, group, version)?,
        ["version"] => json!({"major": "1", "minor": "35", "gitVersion": "v1.35.0-fake"}),
        _ => return None,
    };
    Some(answer(200, &value))
}

fn target<'a>(kinds: &[Kind], path: &[&'a str]) -> Result<Target<'a>, Failure> {
    let (group, version, rest) = match path {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Err(Failure::no_such_path()),
    };
    let (namespace, rest) = match rest {
        ["namespaces", _, "status"] => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        _ => (None, rest),
    };
    let (plural, name, is_status) = match rest {
        [plural] => (*plural, None, false),
        [plural, name] => (*plural, Some(*name), false),
        [plural, name, "status"] => (*plural, Some(*name), true),
        _ => return Err(Failure::no_such_path()),
    };
    let is = |kind: &Kind| {
        (kind.group, kind.version, kind.plural) == (group, version, plural)
            && (kind.is_namespaced || namespace.is_none())
            && (!is_status || kind.status.is_some())
            && (!kind.is_namespaced || namespace.is_some() || name.is_none())
    };
    let kind = kinds.iter().position(is).ok_or_else(Failure::no_such_path)?;
    Ok(Target { kind, namespace, name, is_status })
}

/// One object.
fn on_object(
    inner: &Inner,
    call: &Call<'_>,
    target: &Target<'_>,
    name: &str,
) -> Result<Response<Body>, Failure> {
    let place = (target.kind, key(target.namespace, name));
    let update = Update {
        is_status: target.is_status,
        is_patch: call.method == Method::PATCH,
        dry_run: call.is_dry_run(),
    };
    let mut store = inner.change();
    let kind = store.kind(&place);
    let found = store.get(&place);
    let not_found = || Failure::not_found(&kind, name);
    match *call.method {
        Method::GET => Ok(answer(200, &*found.ok_or_else(not_found)?)),
        Method::PUT => {
            let new = call.json()?;
            let code = if found.is_some() { 200 } else { 201 };
            Ok(answer(code, &*store.update(&place, target.namespace, new, update)?))
        }
        Method::PATCH => {
            // The media type is looked at first, then the patch, then the object.
            let patch = Patch::read(call)?;
            let mut object = Value::clone(&*found.ok_or_else(not_found)?);
            patch.apply(&mut object)?;
            Ok(answer(200, &*store.update(&place, target.namespace, object, update)?))
        }
        Method::DELETE if !target.is_status => {
            Ok(answer(200, &store.delete(&place, &deletion(call)?)?))
        }
        _ => Err(Failure::no_such_method()),
    }
}

/// A kind's objects.
fn on_all(
    inner: &Arc<Inner>,
    call: &Call<'_>,
    target: &Target<'_>,
) -> Result<Response<Body>, Failure> {
    let kind = &inner.kinds[target.kind];
    let selector =
        || Selector::new(kind, call.parameter("labelSelector"), call.parameter("fieldSelector"));
    match *call.method {
        Method::GET if call.is_set("watch") => {
            Ok(watch(inner, watching(call, target, selector()?)?))
        }
        Method::GET => {
            let list = inner.store().list(&Listing {
                kind: target.kind,
                namespace: target.namespace,
                selector: &selector()?,
                limit: call.number("limit")?,
                next: call.parameter("continue"),
            })?;
            Ok(answer(200, &list))
        }
        Method::POST if target.namespace.is_some() == kind.is_namespaced => {
            let object = call.json()?;
            let mut store = inner.change();
            let made = store.create(target.kind, target.namespace, object, call.is_dry_run())?;
            Ok(answer(201, &made))
        }
        Method::DELETE if target.namespace.is_some() == kind.is_namespaced => {
            let (selector, deletion) = (selector()?, deletion(call)?);
            let mut store = inner.change();
            let all = Listing {
                kind: target.kind,
                namespace: target.namespace,
                selector: &selector,
                limit: None,
                next: None,
            };
            let list = store.list(&all)?;
            for item in list["items"].as_array().into_iter().flatten() {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                // One that went with another is gone as well.
                let _ = store.delete(&(target.kind, key(target.namespace, name)), &deletion);
            }
            Ok(answer(200, &list))
        }
        _ => Err(Failure::no_such_method()),
    }
}

fn watching(call: &Call<'_>, target: &Target<'_>, selector: Selector) -> Result<Watching, Failure> {
    let after = call.number("resourceVersion")?.filter(|version| *version > 0);
    let sends_initial = call.is_set("sendInitialEvents");
    Ok(Watching {
        kind: target.kind,
        namespace: target.namespace.map(str::to_owned),
        selector,
        after: after.filter(|_| !sends_initial),
        has_bookmarks: call.is_set("allowWatchBookmarks"),
        marks_start: sends_initial && call.is_set("allowWatchBookmarks"),
        timeout: call.number("timeoutSeconds")?.map(Duration::from_secs),
    })
}

fn watch(inner: &Arc<Inner>, what: Watching) -> Response<Body> {
    let events = unfold(Watch::new(inner, what), |mut watch| async {
        let lines = watch.next().await?;
        Some((Ok(Frame::data(lines)), watch))
    });
    let mut response = Response::new(StreamBody::new(events).boxed_unsync());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// With a body, the query says nothing.
fn deletion(call: &Call<'_>) -> Result<Deletion, Failure> {
    if call.body.is_empty() {
        return Ok(Deletion {
            propagation: call.parameter("propagationPolicy").map(str::to_owned),
            grace_seconds: call.number("gracePeriodSeconds")?,
            dry_run: call.is_dry_run(),
            ..Deletion::default()
        });
    }
    let options = call.json()?;
    let text = |pointer: &str| options.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Ok(Deletion {
        uid: text("/preconditions/uid"),
        version: text("/preconditions/resourceVersion"),
        propagation: text("/propagationPolicy"),
        grace_seconds: options["gracePeriodSeconds"].as_u64(),
        dry_run: options["dryRun"].is_array(),
    })
}

enum Patch {
    Merge(Value),
    Json(json_patch::Patch),
}

impl Patch {
    fn read(call: &Call<'_>) -> Result<Self, Failure> {
        let fault = |error| Failure::bad_request(format!("error decoding patch: {error}"));
        match call.content_type.split(';').next().unwrap_or_default() {
            "application/merge-patch+json" => {
                serde_json::from_slice(call.body).map(Self::Merge).map_err(fault)
            }
            "application/json-patch+json" => {
                serde_json::from_slice(call.body).map(Self::Json).map_err(fault)
            }
            "application/apply-patch+yaml" => Err(Failure::media_type(
                "kube-fake has no server-side apply: use a real API server for that",
            )),
            "application/strategic-merge-patch+json" => Err(Failure::media_type(
                "kube-fake has no strategic merge patch: use a merge patch or a JSON patch",
            )),
            _ => Err(Failure::media_type("415: Unsupported Media Type")),
        }
    }

    fn apply(&self, object: &mut Value) -> Result<(), Failure> {
        match self {
            Self::Merge(patch) => json_patch::merge(object, patch),
            Self::Json(patch) => {
                json_patch::patch(object, patch).map_err(|_| Failure::unfitting_patch())?;
            }
        }
        Ok(())
    }
}
