//! Caches. Values are stored as the bytes of their JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};
use starlings::OpenCaches as _;

use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::words::Words;

pub(super) async fn open(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("CACHE")?;
    if words.take()?.is_some() {
        return Err(Failure::not_available("options of caches"));
    }
    session.node.open_cache(&name).await?;
    Ok(true.into())
}

pub(super) fn put(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let (name, key) = (words.need("CACHE")?, words.need("KEY")?);
    let value = words.json("JSON")?;
    let mut ttl = None;
    if words.take_if("ttl") {
        ttl = Some(Duration::from_millis(words.parse("MS")?));
    }
    if words.take_if("consistency") {
        return Err(Failure::not_available("consistency levels"));
    }
    words.end()?;
    let cache = session.node.cache(&name)?;
    cache.put_bytes(key.as_bytes(), value.to_string().as_bytes(), ttl)?;
    Ok(true.into())
}

pub(super) fn get(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let (name, key) = (words.need("CACHE")?, words.need("KEY")?);
    words.end()?;
    let value = session.node.cache(&name)?.get_bytes(key.as_bytes());
    Ok(value.as_deref().map_or(Value::Null, to_json).into())
}

pub(super) fn del(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let (name, key) = (words.need("CACHE")?, words.need("KEY")?);
    words.end()?;
    Ok(session.node.cache(&name)?.remove(&key).into())
}

pub(super) fn keys(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("CACHE")?;
    words.end()?;
    Ok(session.node.cache(&name)?.keys().into())
}

pub(super) fn size(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("CACHE")?;
    words.end()?;
    Ok(session.node.cache(&name)?.len().into())
}

pub(super) fn watch(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("CACHE")?;
    let prefix = words.take()?.unwrap_or_default();
    words.end()?;
    let cache = session.node.cache(&name)?;
    let (_, snapshot) = cache.watch(&prefix, session.me())?;
    let entries = snapshot.into_iter().map(|(key, value)| {
        let key = String::from_utf8_lossy(&key).into_owned();
        (key, to_json(&value))
    });
    Ok(Value::Object(entries.collect::<Map<_, _>>()).into())
}

/// The value of an entry. What some other program stored and is not JSON shows as its bytes.
pub(crate) fn to_json(bytes: &[u8]) -> Value {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!({ "bytes": hex() }))
}
