//! What lets other nodes reach the actor.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Path, Type};

use super::{message_ident, variant};
use crate::parse::{Actor, Kind, Method};

/// The impl of `Remote`, for actors with a wire name.
pub(super) fn remote(actor: &Actor) -> TokenStream {
    let Some(wire_name) = &actor.options.name else {
        return quote!();
    };
    let (ty, rt, message) = (&actor.ty, &actor.options.runtime, message_ident(actor));
    let entries = actor.methods.iter().map(|method| {
        let name = method.function.ident.to_string();
        let args = args_type(fixed(method));
        // A method that evolves is another one than one that does not.
        let evolves = if method.evolves.is_some() { " evolves" } else { "" };
        let (key_name, reply) = match &method.kind {
            Kind::Cast => (format!("cast {name}{evolves}"), quote!(())),
            Kind::Call(reply) => (format!("call {name}{evolves}"), quote!(#reply)),
        };
        quote! {
            #rt::Method { name: #name, key: #rt::method_key::<#args, #reply>(#wire_name, #key_name) }
        }
    });
    let (indices, encodes, decodes) = (indices(actor), encodes(actor), decodes(actor));
    let checks = checks(actor);
    quote! {
        #checks

        #[automatically_derived]
        #[allow(unused_variables, clippy::match_same_arms, reason = "a method may have no arguments")]
        impl #rt::Remote for #ty {
            const NAME: &'static str = #wire_name;

            fn methods() -> &'static [#rt::Method] {
                // A pure function of the types, computed once.
                static METHODS: ::std::sync::OnceLock<::std::vec::Vec<#rt::Method>> =
                    ::std::sync::OnceLock::new();
                METHODS.get_or_init(|| ::std::vec![#(#entries),*])
            }

            fn method(message: &#message) -> usize {
                match *message { #indices }
            }

            fn encode(
                message: &#message,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), #rt::WireError> {
                match *message { #encodes }
            }

            fn decode(
                method: usize,
                payload: &[u8],
                reply: #rt::ReplyTo,
            ) -> ::core::result::Result<#message, #rt::WireError> {
                match method {
                    #decodes
                    _ => ::core::result::Result::Err(#rt::WireError::DeserializeBadEncoding),
                }
            }
        }
    }
}

/// Which method a message is for.
fn indices(actor: &Actor) -> TokenStream {
    let message = message_ident(actor);
    actor
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| {
            let variant = variant(&method.function);
            quote!(#message::#variant { .. } => #index,)
        })
        .collect()
}

/// The arguments of each message as bytes.
fn encodes(actor: &Actor) -> TokenStream {
    let message = message_ident(actor);
    let rt = &actor.options.runtime;
    actor
        .methods
        .iter()
        .map(|method| {
            let variant = variant(&method.function);
            let args: Vec<_> = method.function.arguments().map(|(arg, _)| arg).collect();
            let fixed = fixed(method).into_iter().map(|(arg, _)| arg);
            let (keys, tails) = (tail_keys(rt, method), tails(method));
            let tails = tails
                .iter()
                .enumerate()
                .map(|(at, (arg, _))| quote!(#rt::append_tail(keys[#at], #arg, out)?;));
            quote! {
                #message::#variant { #(ref #args,)* .. } => {
                    #rt::append(&(#(#fixed,)*), out)?;
                    #keys
                    #(#tails)*
                    ::core::result::Result::Ok(())
                }
            }
        })
        .collect()
}

/// Each message out of its bytes.
fn decodes(actor: &Actor) -> TokenStream {
    let message = message_ident(actor);
    let rt = &actor.options.runtime;
    actor
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| {
            let variant = variant(&method.function);
            let args: Vec<_> = method.function.arguments().map(|(arg, _)| arg).collect();
            let args_ty = args_type(fixed(method));
            let reply = match &method.kind {
                Kind::Cast => quote!(),
                Kind::Call(_) => quote!(reply: #rt::Reply::remote(reply)),
            };
            let message = quote! {
                ::core::result::Result::Ok(#message::#variant { #(#args,)* #reply })
            };
            if method.evolves.is_none() {
                return quote! {
                    #index => {
                        let (#(#args,)*) = #rt::decode::<#args_ty>(payload)?;
                        #message
                    }
                };
            }
            let fixed = fixed(method).into_iter().map(|(arg, _)| arg);
            let (keys, tails) = (tail_keys(rt, method), tails(method));
            let tails = tails.iter().enumerate().map(
                |(at, (arg, ty))| quote!(let #arg = #rt::take_tail::<#ty>(keys[#at], &mut rest)?;),
            );
            quote! {
                #index => {
                    let mut rest = payload;
                    let (#(#fixed,)*) = #rt::take_fixed::<#args_ty>(&mut rest)?;
                    #keys
                    #(#tails)*
                    #rt::skip_tails(rest)?;
                    #message
                }
            }
        })
        .collect()
}

fn args_type<'a>(arguments: impl IntoIterator<Item = (&'a Ident, &'a Type)>) -> TokenStream {
    let types = arguments.into_iter().map(|(_, ty)| ty);
    quote!((#(#types,)*))
}

/// The arguments that every version of a method has.
fn fixed(method: &Method) -> Vec<(&Ident, &Type)> {
    let count = method.evolves.map_or(usize::MAX, |evolves| evolves.fixed);
    method.function.arguments().take(count).collect()
}

/// Those that not every version has.
fn tails(method: &Method) -> Vec<(&Ident, &Type)> {
    let count = method.evolves.map_or(usize::MAX, |evolves| evolves.fixed);
    method.function.arguments().skip(count).collect()
}

/// The keys of the schemas of the tails, as `keys`.
fn tail_keys(rt: &Path, method: &Method) -> TokenStream {
    let types: Vec<_> = tails(method).into_iter().map(|(_, ty)| ty).collect();
    if types.is_empty() {
        return quote!();
    }
    let len = types.len();
    quote! {
        // A pure function of the types, computed once.
        static KEYS: ::std::sync::OnceLock<[u32; #len]> = ::std::sync::OnceLock::new();
        let keys = KEYS.get_or_init(|| [#(#rt::tail_key::<#types>()),*]);
    }
}

/// Asks for what the wire needs at the user's own types, so that an error points there.
fn checks(actor: &Actor) -> TokenStream {
    let rt = &actor.options.runtime;
    let arguments = actor.methods.iter().flat_map(|method| method.function.arguments());
    let replies = actor.methods.iter().filter_map(|method| match &method.kind {
        Kind::Cast => None,
        Kind::Call(reply) => Some(reply),
    });
    let init = actor.init.arguments().filter(|_| actor.options.spawnable);
    let types: Vec<&Type> =
        arguments.map(|(_, ty)| ty).chain(init.map(|(_, ty)| ty)).chain(replies).collect();
    let asserts = types.iter().map(|ty| {
        let span: Span = ty.span();
        quote_spanned!(span=> #rt::assert_wire::<#ty>();)
    });
    quote! {
        const _: fn() = || { #(#asserts)* };
    }
}
