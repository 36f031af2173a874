%% Processes that watch processes of another node, which is killed.
-module(bench_monitors).
-export([storm/2, start/1, watched/0]).

-define(WATCHERS, 100).

%% Says when all monitors are there, and gives the time of the machine at which the last has ended,
%% in microseconds. Who started this node kills the other one in between.
storm(Server, Count) ->
    Me = self(),
    Each = Count div ?WATCHERS,
    Watch = fun() -> watch(Me, erpc:call(Server, ?MODULE, start, [Each], infinity)) end,
    Watchers = [watching(spawn_link(Watch)) || _ <- lists:seq(1, ?WATCHERS)],
    io:format("watching~n"),
    [receive {Watcher, all_ended} -> ok end || Watcher <- Watchers],
    Ended = os:system_time(microsecond),
    [Watcher ! {self(), ended_once} || Watcher <- Watchers],
    [receive {Watcher, ended_once, true} -> ok end || Watcher <- Watchers],
    Ended.

watching(Watcher) ->
    receive {Watcher, watching} -> Watcher end.

%% On the other node.
start(Count) ->
    [spawn(?MODULE, watched, []) || _ <- lists:seq(1, Count)].

watched() ->
    receive
        {'$gen_call', From, lives} ->
            gen_server:reply(From, true),
            watched()
    end.

%% Signals and messages of one process to another keep their order, so each monitor is installed
%% when the call behind it is answered.
watch(Parent, Pids) ->
    Set = [monitor(process, Pid) || Pid <- Pids],
    [true = gen_server:call(Pid, lives, infinity) || Pid <- Pids],
    Parent ! {self(), watching},
    Ended = downs(length(Set), []),
    Parent ! {self(), all_ended},
    receive {Parent, ended_once} -> ok end,
    Once = lists:sort(Set) =:= lists:sort(late_downs(Ended)),
    Parent ! {self(), ended_once, Once}.

downs(0, Ended) ->
    Ended;
downs(Count, Ended) ->
    receive {'DOWN', Ref, process, _, _} -> downs(Count - 1, [Ref | Ended]) end.

%% There should be none.
late_downs(Ended) ->
    receive
        {'DOWN', Ref, process, _, _} -> late_downs([Ref | Ended])
    after 0 ->
        Ended
    end.
