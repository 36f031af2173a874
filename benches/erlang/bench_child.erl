%% A child of a supervisor. Tells who started it of each of its lives, if it is to.
-module(bench_child).
-behaviour(gen_server).
-export([start_link/0, start_link/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link() ->
    gen_server:start_link(?MODULE, none, []).

start_link(Told) ->
    gen_server:start_link(?MODULE, Told, []).

init(none) ->
    {ok, 1};
init(Told) ->
    Told ! {born, self()},
    {ok, 1}.

handle_call(get, _, One) ->
    {reply, One, One}.

handle_cast(_, One) ->
    {noreply, One}.
