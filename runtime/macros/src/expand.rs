//! Writes what makes an actor of the block.

mod remote;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use crate::parse::{Actor, Function, Kind, Method, Param};

pub(crate) fn actor(actor: &Actor) -> TokenStream {
    let block = &actor.block;
    let message = message(actor);
    let methods = methods(actor);
    let behaviour = behaviour(actor);
    let remote = remote::remote(actor);
    quote! {
        #block
        #message
        #methods
        #behaviour
        #remote
    }
}

fn message_ident(actor: &Actor) -> Ident {
    format_ident!("{}Message", actor.ident)
}

/// `add_item` as `AddItem`.
fn variant(function: &Function) -> Ident {
    let name = function.ident.to_string();
    let name = name.trim_start_matches("r#");
    let mut variant = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        variant.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        variant.push_str(letters.as_str());
    }
    Ident::new(&variant, function.span())
}

/// `enum CounterMessage { Add { k: i64 }, Get { reply: Reply<i64> } }`
fn message(actor: &Actor) -> TokenStream {
    let (ident, rt) = (message_ident(actor), &actor.options.runtime);
    let doc = format!("What a [`{}`] can be sent: a variant for each method.", actor.ident);
    let variants = actor.methods.iter().map(|method| {
        let (docs, name) = (&method.function.docs, variant(&method.function));
        let fields = method.function.arguments().map(|(arg, ty)| quote!(#arg: #ty));
        let reply = match &method.kind {
            Kind::Cast => quote!(),
            Kind::Call(ty) => quote!(reply: #rt::Reply<#ty>),
        };
        quote!(#(#docs)* #name { #(#fields,)* #reply })
    });
    quote! {
        #[doc = #doc]
        #[allow(
            missing_docs, unreachable_pub, private_interfaces, unnameable_types, dead_code,
            reason = "as visible as the actor"
        )]
        pub enum #ident { #(#variants),* }

        #[automatically_derived]
        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(::core::stringify!(#ident))
            }
        }
    }
}

/// The trait whose methods stand on the pid.
fn methods(actor: &Actor) -> TokenStream {
    let (ty, rt) = (&actor.ty, &actor.options.runtime);
    let name = format_ident!("{}Methods", actor.ident);
    let doc = format!("What can be asked of a [`{}`] through its pid.", actor.ident);
    let signatures: Vec<_> = actor.methods.iter().map(|m| signature(actor, m)).collect();
    let docs: Vec<_> = actor.methods.iter().map(|m| &m.function.docs).collect();
    let bodies = actor.methods.iter().map(|method| {
        let (message, variant) = (message_ident(actor), variant(&method.function));
        let args: Vec<_> = method.function.arguments().map(|(arg, _)| arg).collect();
        match &method.kind {
            Kind::Cast => quote!(self.cast(#message::#variant { #(#args),* })),
            Kind::Call(reply) => {
                let decode = match actor.options.name {
                    Some(_) => quote!(::core::option::Option::Some(#rt::decode_reply::<#reply>)),
                    None => quote!(::core::option::Option::None),
                };
                let make = quote!(|reply| #message::#variant { #(#args,)* reply });
                quote!(#rt::Call::new(self, #decode, #make))
            }
        }
    });
    quote! {
        #[doc = #doc]
        #[allow(
            missing_docs, unreachable_pub, private_interfaces, unnameable_types, dead_code,
            clippy::too_many_arguments, clippy::needless_pass_by_value,
            reason = "as the methods of the actor"
        )]
        pub trait #name {
            #(#(#docs)* #signatures;)*
        }

        #[automatically_derived]
        #[allow(clippy::too_many_arguments, reason = "as the methods of the actor")]
        impl #name for #rt::Pid<#ty> {
            #(#signatures { #bodies })*
        }
    }
}

fn signature(actor: &Actor, method: &Method) -> TokenStream {
    let (ty, rt) = (&actor.ty, &actor.options.runtime);
    let name = &method.function.ident;
    let args = method.function.arguments().map(|(arg, ty)| quote!(#arg: #ty));
    let output = match &method.kind {
        Kind::Cast => quote!(::core::result::Result<(), #rt::CastError>),
        Kind::Call(reply) => quote!(#rt::Call<#ty, #reply>),
    };
    quote!(fn #name(&self #(, #args)*) -> #output)
}

/// The impl of `Actor`.
fn behaviour(actor: &Actor) -> TokenStream {
    let (ty, rt, message) = (&actor.ty, &actor.options.runtime, message_ident(actor));
    let init_args: Vec<_> = actor.init.arguments().collect();
    let names: Vec<_> = init_args.iter().map(|(name, _)| name).collect();
    let types: Vec<_> = init_args.iter().map(|(_, ty)| ty).collect();
    let (args_pat, args_ty) = match (&*names, &*types) {
        ([name], [ty]) => (quote!(#name), quote!(#ty)),
        _ => (quote!((#(#names),*)), quote!((#(#types),*))),
    };
    let init = invoke(&actor.init);
    let capacity = actor.options.capacity.as_ref().map(|n| quote!(const CAPACITY: usize = #n;));
    let arms = actor.methods.iter().map(|method| arm(actor, method));
    let wire = actor.options.name.as_ref().map(|_| {
        quote! {
            fn wire() -> ::core::option::Option<#rt::Wire<Self>> {
                ::core::option::Option::Some(#rt::Wire::of())
            }
        }
    });
    let overflow = actor.options.overflow.as_ref();
    let overflow = overflow.map(|o| quote!(const OVERFLOW: #rt::Overflow = #rt::Overflow::#o;));
    let on_thread = actor.options.thread.then(|| {
        quote!(
            const ON_THREAD: bool = true;
        )
    });
    let (info, terminate) = (info(actor), terminate(actor));
    let (guards, refuse) = (guards(actor), refuse(actor));
    quote! {
        #[automatically_derived]
        #[allow(
            unused_variables, private_interfaces, clippy::let_unit_value, clippy::unused_async,
            reason = "not every method takes everything"
        )]
        impl #rt::Actor for #ty {
            type Args = #args_ty;
            type Message = #message;
            #capacity
            #overflow
            #on_thread

            async fn init(#args_pat: #args_ty, cx: &mut #rt::Cx<Self>) -> #rt::Result<Self> {
                #rt::InitOutcome::init_outcome(#init)
            }

            async fn handle(
                &mut self,
                message: #message,
                cx: &mut #rt::Cx<Self>,
            ) -> #rt::Result<()> {
                match message { #(#arms)* }
            }

            #info
            #terminate
            #guards
            #refuse
            #wire
        }
    }
}

/// Which messages wait for the state that they are for.
fn guards(actor: &Actor) -> Option<TokenStream> {
    let message = message_ident(actor);
    let guarded =
        || actor.methods.iter().enumerate().filter_map(|(i, m)| Some((i, m, m.guard.as_ref()?)));
    guarded().next()?;
    let postpones = guarded().map(|(index, method, guard)| {
        let variant = variant(&method.function);
        quote!(#message::#variant { .. } if !Self::#guard(self) => ::core::option::Option::Some(#index),)
    });
    let admits = guarded().map(|(index, _, guard)| quote!(#index => Self::#guard(self),));
    Some(quote! {
        fn postpones(&self, message: &#message) -> ::core::option::Option<usize> {
            match message {
                #(#postpones)*
                _ => ::core::option::Option::None,
            }
        }

        fn admits(&self, method: usize) -> bool {
            match method {
                #(#admits)*
                _ => true,
            }
        }
    })
}

/// Answers the calls among the messages that a full mailbox drops.
fn refuse(actor: &Actor) -> TokenStream {
    let (message, rt) = (message_ident(actor), &actor.options.runtime);
    let calls = actor.methods.iter().filter(|method| matches!(method.kind, Kind::Call(_)));
    let arms = calls.map(|method| {
        let variant = variant(&method.function);
        quote!(#message::#variant { reply, .. } => reply.fail(error),)
    });
    quote! {
        fn refuse(message: #message, error: #rt::CallError) {
            #[allow(unreachable_patterns, reason = "an actor may have calls only")]
            match message {
                #(#arms)*
                _ => {}
            }
        }
    }
}

/// One arm of `handle`.
fn arm(actor: &Actor, method: &Method) -> TokenStream {
    let (message, rt) = (message_ident(actor), &actor.options.runtime);
    let function = &method.function;
    let variant = variant(function);
    let args: Vec<_> = function.arguments().map(|(arg, _)| arg).collect();
    let call = invoke(function);
    let (output, span) = (&function.output, function.output.span());
    match &method.kind {
        Kind::Cast => {
            let outcome = quote_spanned!(span=> <#output as #rt::Outcome>::outcome);
            quote!(#message::#variant { #(#args),* } => #outcome(#call),)
        }
        Kind::Call(_) if function.defers_reply() => {
            let outcome = quote_spanned!(span=> <#output as #rt::Outcome>::outcome);
            quote!(#message::#variant { #(#args,)* reply } => #outcome(#call),)
        }
        Kind::Call(_) => quote! {
            #message::#variant { #(#args,)* reply } => {
                let value = #call;
                reply.send(value);
                ::core::result::Result::Ok(())
            }
        },
    }
}

/// The call of a user's function, with its arguments in its order. By path, so that it is never
/// mistaken for a method of the `Actor` trait with the same name.
fn invoke(function: &Function) -> TokenStream {
    let name = &function.ident;
    let receiver = function.takes_self.then(|| quote!(self));
    let args = function.params.iter().map(|param| match param {
        Param::Context => quote!(cx),
        Param::Reply(_) => quote!(reply),
        Param::Argument(ident, _) => quote!(#ident),
    });
    let args = receiver.into_iter().chain(args);
    let call = quote!(Self::#name(#(#args),*));
    if function.is_async { quote!(#call.await) } else { call }
}

fn info(actor: &Actor) -> TokenStream {
    let rt = &actor.options.runtime;
    if actor.infos.is_empty() {
        return quote!();
    }
    let attempts = actor.infos.iter().map(|function| {
        let call = invoke(function);
        let event = function.arguments().map(|(event, ty)| {
            quote! {
                let info = match info.downcast::<#ty>() {
                    ::core::result::Result::Ok(#event) => return #rt::Outcome::outcome(#call),
                    ::core::result::Result::Err(info) => info,
                };
            }
        });
        quote!(#(#event)*)
    });
    quote! {
        async fn info(&mut self, info: #rt::Info, cx: &mut #rt::Cx<Self>) -> #rt::Result<()> {
            #(#attempts)*
            #rt::unhandled_info(cx.node(), &cx.pid(), &info);
            ::core::result::Result::Ok(())
        }
    }
}

fn terminate(actor: &Actor) -> Option<TokenStream> {
    let (function, rt) = (actor.terminate.as_ref()?, &actor.options.runtime);
    let (reason, _) = function.arguments().next()?;
    let call = invoke(function);
    Some(quote! {
        async fn terminate(&mut self, #reason: &#rt::ExitReason, cx: &mut #rt::Cx<Self>) {
            #call;
        }
    })
}
