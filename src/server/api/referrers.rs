//! Referrers: the manifests that are about another one.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::backing::Backing;
use super::super::http::query::{Query, encode};
use super::super::http::refusal::Refusal;
use super::super::http::reply::{Answer, json, with_next};
use super::facts::{Facts, FactsCache};
use super::referrals::About;
use super::route::Name;
use super::state::State;
use crate::image::manifest::OCI_INDEX;
use crate::image::{Digest, Reference};

/// How long a page may become: what every client takes for a manifest.
const PAGE: usize = 4 << 20;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrers {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Referrer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Box<RawValue>>,
}

/// What is looked for.
struct Wanted {
    repository: Reference,
    subject: Digest,
    artifact_type: Option<String>,
    /// The digest at which the page before ended.
    after: Option<String>,
}

/// What is here about this manifest, whether that is here or not.
pub(in crate::server) async fn list<B: Backing>(
    state: &State<B>,
    name: &Name,
    digest: &Digest,
    query: &Query,
) -> Answer {
    if state.upstream.is_some() {
        // What is here is not all there is; without this page clients ask for the tag that stands in for it.
        return Err(Refusal::not_found("a cache does not list referrers"));
    }
    let artifact_type = query.first("artifactType").filter(|text| !text.is_empty());
    let wanted = Wanted {
        repository: name.repository.clone(),
        subject: digest.clone(),
        artifact_type: artifact_type.map(str::to_owned),
        after: query.first("last").map(str::to_owned),
    };
    let facts = state.facts.clone();
    let page = state.store.run(move |store| {
        let about = facts.referrals(store, &wanted.repository)?;
        Ok(page(store, &facts, &about, &wanted))
    });
    let page = page.await?;
    let next = page.next.map(|last| match artifact_type {
        Some(artifact_type) => format!("last={last}&artifactType={}", encode(artifact_type)),
        None => format!("last={last}"),
    });
    let mut reply = with_next(json(page.text), &format!("/v2/{}/referrers/{digest}", name.path), next);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if artifact_type.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    Ok(reply)
}

struct Page {
    text: String,
    next: Option<Digest>,
}

/// The referrers from where the page before ended.
fn page<B: Backing>(store: &B, facts: &FactsCache, about: &About, wanted: &Wanted) -> Page {
    let after = |digest: &&Digest| wanted.after.as_deref().is_none_or(|last| digest.as_str() > last);
    let documents = about.get(&wanted.subject).into_iter().flatten();
    let (mut manifests, mut len, mut next) = (Vec::<Referrer>::new(), 0, None);
    for digest in documents.filter(after) {
        let Some(facts) = facts.of(store, digest).filter(|facts| is_wanted(facts, wanted)) else {
            continue;
        };
        let annotations = facts.annotations.as_ref().map_or(0, |it| it.get().len());
        len += 300 + annotations + facts.artifact_type.as_ref().map_or(0, String::len);
        if len > PAGE
            && let Some(last) = manifests.last()
        {
            next = Some(last.digest.clone());
            break;
        }
        manifests.push(Referrer {
            media_type: facts.media_type().to_owned(),
            digest: digest.clone(),
            size: facts.size,
            artifact_type: facts.artifact_type.clone(),
            annotations: facts.annotations.clone(),
        });
    }
    let list = Referrers {
        schema_version: 2,
        media_type: OCI_INDEX,
        manifests,
    };
    let text = serde_json::to_string(&list).unwrap_or_default();
    Page { text, next }
}

fn is_wanted(facts: &Facts, wanted: &Wanted) -> bool {
    wanted.artifact_type.is_none() || facts.artifact_type == wanted.artifact_type
}
