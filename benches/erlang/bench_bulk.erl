%% Calls to one process of the other node, alone and while long binaries go to another one there.
-module(bench_bulk).
-export([latency/1]).

-define(BULK_BYTES, 100000000).
-define(CALLING_SECONDS_MAX, 10).

%% Prints how many times the p99 alone the p99 under bulk is, and both beside it.
latency(Count) ->
    Called = bench:remote_counter(),
    Called ! {put, <<1>>},
    Alone = p99(Called, Count),
    Bulk = bench:remote_counter(),
    Driver = self(),
    Start = bench:now_us(),
    Sender = spawn_link(fun() -> send(Driver, Bulk, binary:copy(<<1>>, ?BULK_BYTES), 0) end),
    receive {Sender, going} -> ok end,
    Under = p99(Called, Count),
    Sender ! stop,
    Sent = receive {Sender, stopped, Messages} -> Messages end,
    Sum = Sent * (?BULK_BYTES + 1),
    Sum = bench:get_sum(Bulk),
    Rate = bench:rate(Sent * ?BULK_BYTES, Start) / 1.0e6,
    io:format("~w~np99_alone_us ~w~np99_bulk_us ~w~n", [Under / Alone, Alone, Under]),
    io:format("bulk_mb_per_s ~w~n", [Rate]).

%% Sends one after the other until it is told to stop. The node suspends it while its socket is full.
send(Driver, Bulk, Payload, Sent) ->
    Bulk ! {put, Payload},
    Sent =:= 0 andalso (Driver ! {self(), going}),
    receive
        stop -> Driver ! {self(), stopped, Sent + 1}
    after 0 ->
        send(Driver, Bulk, Payload, Sent + 1)
    end.

p99(Called, Count) ->
    Until = bench:now_us() + ?CALLING_SECONDS_MAX * 1000000,
    Took = lists:sort(calls(Called, Count, Until)),
    lists:nth(max(1, length(Took) * 99 div 100), Took) / 1000.

calls(Called, Count, Until) ->
    case Count > 0 andalso bench:now_us() < Until of
        true -> [took(Called) | calls(Called, Count - 1, Until)];
        false -> []
    end.

took(Called) ->
    Start = erlang:monotonic_time(nanosecond),
    2 = bench:get_sum(Called),
    erlang:monotonic_time(nanosecond) - Start.
