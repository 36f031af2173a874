//! `#[evolve]`: a method whose arguments may become more, later or elsewhere.

use syn::spanned::Spanned;
use syn::{Error, ImplItemFn, LitInt, Meta, Result};

use super::{Function, Mark};

/// How many arguments every version of a method has; those after them may be missing.
#[derive(Clone, Copy)]
pub(crate) struct Evolves {
    pub(crate) fixed: usize,
}

/// The number in `#[evolve(2)]`, or that there is none in `#[evolve]`; and where it stands.
pub(super) type Evolve = (Option<LitInt>, proc_macro2::Span);

/// Takes the attribute off a method.
pub(super) fn take_evolve(item: &mut ImplItemFn) -> Result<Option<Evolve>> {
    let mut found = None;
    item.attrs.retain(|attribute| {
        let is_evolve = attribute.path().is_ident("evolve");
        if is_evolve {
            found = Some(attribute.clone());
        }
        !is_evolve
    });
    let Some(attribute) = found else {
        return Ok(None);
    };
    let help = "#[evolve] says how many arguments every version of the method has: #[evolve(2)]; \
                without a number, all that it has now";
    let fixed = match &attribute.meta {
        Meta::Path(_) => None,
        Meta::List(_) => {
            Some(attribute.parse_args().map_err(|error| Error::new(error.span(), help))?)
        }
        Meta::NameValue(_) => return Err(Error::new(attribute.span(), help)),
    };
    Ok(Some((fixed, attribute.span())))
}

/// Whether the attribute stands where it may.
pub(super) fn check_evolve(evolve: Option<&Evolve>, mark: Option<Mark>) -> Result<()> {
    match (evolve, mark) {
        (None, _) | (Some(_), Some(Mark::Cast | Mark::Call)) => Ok(()),
        (Some((_, span)), Some(Mark::Info) | None) => {
            Err(Error::new(*span, "#[evolve] stands on a #[cast] or #[call] method"))
        }
    }
}

/// What the attribute says of a method.
pub(super) fn evolves((fixed, span): Evolve, function: &Function) -> Result<Evolves> {
    let arguments = function.arguments().count();
    let fixed = match fixed {
        None => arguments,
        Some(literal) => literal.base10_parse()?,
    };
    if fixed > arguments {
        let help =
            format!("it has {arguments} arguments, and cannot have {fixed} in every version");
        return Err(Error::new(span, help));
    }
    Ok(Evolves { fixed })
}
