//! `Self` in a signature as the type it stands for: what is written outside of the block has no `Self`.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{ImplItemFn, Result, Type, parse2};

/// The function with a signature that means the same anywhere.
pub(super) fn concrete(item: &ImplItemFn, ty: &Type) -> Result<ImplItemFn> {
    let mut item = item.clone();
    item.sig = parse2(replace(item.sig.to_token_stream(), &ty.to_token_stream()))?;
    Ok(item)
}

fn replace(tokens: TokenStream, ty: &TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => ty.clone(),
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), replace(group.stream(), ty));
            inner.set_span(group.span());
            TokenTree::Group(inner).into()
        }
        other => other.into(),
    });
    replaced.collect()
}
