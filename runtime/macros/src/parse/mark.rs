//! What marks a method: `#[cast]`, `#[call]` or `#[info]`, and its guard.

use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Ident, ImplItemFn, Meta, Result, Token};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mark {
    Cast,
    Call,
    Info,
}

/// `when = is_open`, or nothing.
pub(super) struct Guard(pub(super) Option<Ident>);

impl Parse for Guard {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let help = "a #[cast] or #[call] may have a guard: #[cast(when = is_open)], \
                    with fn is_open(&self) -> bool";
        let option: Ident = input.parse().map_err(|e| Error::new(e.span(), help))?;
        if option != "when" {
            return Err(Error::new(option.span(), help));
        }
        input.parse::<Token![=]>()?;
        let guard = input.parse().map_err(|e| Error::new(e.span(), help))?;
        Ok(Self(Some(guard)))
    }
}

pub(super) fn take_mark(item: &mut ImplItemFn) -> Result<Option<(Mark, Guard)>> {
    let mut marks = Vec::new();
    item.attrs.retain(|attribute| {
        let path = attribute.path();
        let found = [("cast", Mark::Cast), ("call", Mark::Call), ("info", Mark::Info)]
            .into_iter()
            .find_map(|(word, mark)| path.is_ident(word).then_some(mark));
        marks.extend(found.map(|mark| (mark, attribute.clone())));
        found.is_none()
    });
    let mut marks = marks.into_iter();
    let Some((mark, attribute)) = marks.next() else {
        return Ok(None);
    };
    if let Some((_, second)) = marks.next() {
        let help = "a method is one of #[cast], #[call] and #[info]";
        return Err(Error::new(second.span(), help));
    }
    let guard = match &attribute.meta {
        Meta::Path(_) => Guard(None),
        Meta::List(_) | Meta::NameValue(_) => attribute.parse_args()?,
    };
    Ok(Some((mark, guard)))
}
