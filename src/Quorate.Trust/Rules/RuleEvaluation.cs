namespace Quorate.Trust.Rules;

/// <summary>
/// Evaluates one rule. The tree is flattened to builder indexes beforehand, so that a decision walks arrays only. As every builder stands
/// in the rule once, a candidate's best completion is that all who may still join it do: acceptance only grows with supporters.
/// </summary>
sealed class RuleEvaluation
{
    readonly TrustRule _rule;
    readonly bool _majority;
    readonly Node _root;
    readonly Voter[] _voters;

    public RuleEvaluation(TrustRule rule, IReadOnlyList<BuilderSource> sources, bool majority)
    {
        _rule = rule;
        _majority = majority;
        var voters = new List<Voter>();
        _root = Flatten(rule.Model, [], sources, voters);
        _voters = [.. voters];
    }

    /// <summary>Candidate number for an output that nobody has claimed yet.</summary>
    const int Unseen = int.MaxValue;

    public static IEnumerable<VoteCondition> ConditionsOf(TrustModel model) =>
        model switch
        {
            TrustModel.Where where => ConditionsOf(where.Inner).Append(where.Condition),
            TrustModel.Threshold threshold => threshold.Children.SelectMany(ConditionsOf),
            _ => [],
        };

    public Decision Decide(IReadOnlyList<Testimony> testimonies, DateTimeOffset now)
    {
        var votes = new Votes(this, InRuleOrder(testimonies), now);
        var accepted = AcceptedNow(votes);
        var winner = Winner(votes, accepted);
        var verdict =
            winner != Candidates.None ? Verdict.Accepted
            : CouldBeAccepted(votes, accepted) ? Verdict.Inconclusive
            : Verdict.Rejected;

        var shown = winner != Candidates.None ? winner : votes.Leading();
        var heard = votes.Heard;
        var reasons = new RuleReasons(_rule, _root, _voters, votes).Write(verdict, winner, shown, accepted, now);
        var supporters = new List<string>(_voters.Length);
        Evidence? evidence = null;
        for (var i = 0; i < _voters.Length && winner != Candidates.None; i++)
        {
            if (votes.Supports(i, winner))
            {
                evidence ??= ((Testimony.Given)heard[i]).Evidence;
                supporters.Add(_voters[i].Builder);
            }
        }
        return new Decision(verdict, evidence, supporters, supporters.Count * 100 / _voters.Length, heard, reasons, _rule.Text);
    }

    public bool IsSettled(IReadOnlyList<Testimony> testimonies, DateTimeOffset now)
    {
        var votes = new Votes(this, InRuleOrder(testimonies), now);
        var accepted = AcceptedNow(votes);
        var winner = Winner(votes, accepted);
        if (winner == Candidates.None)
        {
            return !CouldBeAccepted(votes, accepted);
        }
        for (var candidate = -1; candidate < votes.Candidates; candidate++)
        {
            if (candidate != winner && Holds(_root, votes, candidate < 0 ? Unseen : candidate, withJoiners: true))
            {
                return accepted.Count > 1 && !votes.AnyJoiner;
            }
        }
        return true;
    }

    List<int> AcceptedNow(Votes votes)
    {
        var accepted = new List<int>(1);
        for (var candidate = 0; candidate < votes.Candidates; candidate++)
        {
            if (Holds(_root, votes, candidate, withJoiners: false))
            {
                accepted.Add(candidate);
            }
        }
        return accepted;
    }

    int Winner(Votes votes, List<int> accepted) =>
        accepted.Count switch
        {
            0 => Candidates.None,
            1 => accepted[0],
            _ => _majority ? StrictlyMost(votes, accepted) : Candidates.None,
        };

    bool CouldBeAccepted(Votes votes, List<int> accepted)
    {
        if (!votes.AnyJoiner)
        {
            return false;
        }
        if (accepted.Count > 1)
        {
            // Accepted candidates stay accepted whoever joins, so only a majority rule can mend a contested decision. It is contested under
            // one because of a tie at the top, which any joiner breaks.
            return _majority && (votes.Joiners > 0 || MayBreakTie(votes, accepted));
        }
        for (var candidate = -1; candidate < votes.Candidates; candidate++)
        {
            if (Holds(_root, votes, candidate < 0 ? Unseen : candidate, withJoiners: true))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Whether a vote that does not count yet is for one of the best supported.</summary>
    bool MayBreakTie(Votes votes, List<int> accepted)
    {
        var most = accepted.Max(votes.Support);
        return Enumerable
            .Range(0, _voters.Length)
            .Any(i => votes.MayHold(i) && accepted.Exists(c => votes.Means(i, c) && votes.Support(c) == most));
    }

    static int StrictlyMost(Votes votes, List<int> accepted)
    {
        var best = accepted[0];
        var tied = false;
        for (var i = 1; i < accepted.Count; i++)
        {
            var difference = votes.Support(accepted[i]) - votes.Support(best);
            if (difference >= 0)
            {
                best = accepted[i];
                tied = difference == 0;
            }
        }
        return tied ? Candidates.None : best;
    }

    internal static bool Holds(Node node, Votes votes, int candidate, bool withJoiners)
    {
        if (node.Children is not { } children)
        {
            return votes.Supports(node.Voter, candidate)
                || (withJoiners && (votes.MayJoin(node.Voter) || (votes.MayHold(node.Voter) && votes.Means(node.Voter, candidate))));
        }
        var holding = 0;
        foreach (var child in children)
        {
            if (Holds(child, votes, candidate, withJoiners) && ++holding == node.Required)
            {
                return true;
            }
        }
        return false;
    }

    Testimony[] InRuleOrder(IReadOnlyList<Testimony> testimonies)
    {
        var ordered = new Testimony?[_voters.Length];
        List<Testimony>? others = null;
        for (var i = 0; i < testimonies.Count; i++)
        {
            var testimony = testimonies[i];
            var place = i < _voters.Length && _voters[i].Builder == testimony.Builder ? i : PlaceOf(testimony.Builder);
            if (place < 0)
            {
                (others ??= []).Add(testimony);
                continue;
            }
            if (ordered[place] is not null)
            {
                throw new ArgumentException($"two testimonies of builder '{testimony.Builder}'", nameof(testimonies));
            }
            ordered[place] = testimony;
        }
        var all = new Testimony[_voters.Length + (others?.Count ?? 0)];
        for (var i = 0; i < _voters.Length; i++)
        {
            all[i] = ordered[i] ?? new Testimony.Unavailable(_voters[i].Builder, "was not asked");
        }
        others?.CopyTo(all, _voters.Length);
        return all;
    }

    int PlaceOf(string builder)
    {
        for (var i = 0; i < _voters.Length; i++)
        {
            if (_voters[i].Builder == builder)
            {
                return i;
            }
        }
        return -1;
    }

    static Node Flatten(TrustModel model, VoteCondition[] conditions, IReadOnlyList<BuilderSource> sources, List<Voter> voters)
    {
        switch (model)
        {
            case TrustModel.Where where:
                return Flatten(where.Inner, [.. conditions, where.Condition], sources, voters);
            case TrustModel.Threshold threshold:
                var children = threshold.Children.Select(child => Flatten(child, conditions, sources, voters)).ToArray();
                return new Node(-1, threshold.Required, children, threshold.ToString());
            case TrustModel.Key key:
                voters.Add(new Voter(key.Builder, conditions, [.. sources.Where(source => source.Builder == key.Builder)]));
                return new Node(voters.Count - 1, 1, null, key.ToString());
            default:
                throw new InvalidOperationException("unreachable: the hierarchy is closed");
        }
    }

    /// <summary>A threshold, or with no children the vote of one builder.</summary>
    internal sealed record Node(int Voter, int Required, Node[]? Children, string Text);

    /// <param name="Conditions">All conditions that the vote must meet, outermost first.</param>
    internal sealed record Voter(string Builder, VoteCondition[] Conditions, BuilderSource[] Sources)
    {
        /// <summary>The first condition that the claim fails, or null when its vote counts.</summary>
        public VoteCondition? FailedBy(Evidence evidence, DateTimeOffset now)
        {
            foreach (var condition in Conditions)
            {
                if (!Meets(condition, evidence, now))
                {
                    return condition;
                }
            }
            return null;
        }

        /// <summary>Whether the claim fails only what time and witnesses may still mend.</summary>
        public bool MayHold(Evidence evidence, DateTimeOffset now)
        {
            foreach (var condition in Conditions)
            {
                var isOpen = condition switch
                {
                    VoteCondition.Fresh => evidence.Position is not null,
                    VoteCondition.Witnessed witnessed => evidence.Position is { } at
                        && Array.Exists(Sources, source => source.LogId == at.LogId && source.Witnesses >= witnessed.Count),
                    _ => false,
                };
                if (!isOpen && !Meets(condition, evidence, now))
                {
                    return false;
                }
            }
            return true;
        }

        /// <summary>Whether a claim that this builder makes from now on, through any of its configured sources, could count.</summary>
        public bool MayStillCount(DateTimeOffset? firstSeen)
        {
            if (Conditions.Length == 0)
            {
                return true;
            }
            foreach (var source in Sources)
            {
                var meetsAll = true;
                foreach (var condition in Conditions)
                {
                    meetsAll &= MayMeet(condition, source, firstSeen);
                }
                if (meetsAll)
                {
                    return true;
                }
            }
            return false;
        }

        static bool Meets(VoteCondition condition, Evidence evidence, DateTimeOffset now) =>
            condition switch
            {
                VoteCondition.Logged => IsLogged(evidence.Claim.Origin),
                VoteCondition.Built => evidence.Claim.Origin is ClaimOrigin.LoggedBuilt,
                VoteCondition.Before before => evidence.FirstSeen < before.Instant,
                VoteCondition.UntilIndex until => evidence.Position is { } at && at.LogId == until.LogId && at.Index < until.Entries,
                VoteCondition.Witnessed witnessed => evidence.Position is not null && evidence.Witnessing?.Witnesses >= witnessed.Count,
                VoteCondition.Fresh fresh => evidence.Position is not null && now - evidence.Witnessing?.FreshAt <= fresh.Age,
                _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
            };

        /// <param name="firstSeen">Null when the claim may have been made long ago.</param>
        static bool MayMeet(VoteCondition condition, BuilderSource source, DateTimeOffset? firstSeen) =>
            condition switch
            {
                VoteCondition.Logged => IsLogged(source.Origin),
                VoteCondition.Built => source.Origin is ClaimOrigin.LoggedBuilt,
                VoteCondition.Before before => firstSeen is null || firstSeen < before.Instant,
                VoteCondition.UntilIndex until => source.LogId == until.LogId && until.Entries > 0,
                VoteCondition.Witnessed witnessed => source.LogId is not null && source.Witnesses >= witnessed.Count,
                VoteCondition.Fresh => source.LogId is not null,
                _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
            };

        static bool IsLogged(ClaimOrigin origin) => origin is ClaimOrigin.LoggedBuilt or ClaimOrigin.LoggedRelayed;
    }

    /// <summary>What each voter contributes to each candidate.</summary>
    internal sealed class Votes
    {
        readonly int[] _groups;
        readonly bool[] _counts;
        readonly bool[] _mayJoin;
        readonly bool[] _mayHold;

        public Votes(RuleEvaluation evaluation, Testimony[] heard, DateTimeOffset now)
        {
            Heard = heard;
            var voters = evaluation._voters;
            // Builders outside the rule come last, so that they never give a candidate its number.
            _groups = Trust.Candidates.Group(new ArraySegment<Testimony>(heard, 0, voters.Length), out var candidates);
            Candidates = candidates;
            _counts = new bool[voters.Length];
            _mayJoin = new bool[voters.Length];
            _mayHold = new bool[voters.Length];
            for (var i = 0; i < voters.Length; i++)
            {
                _counts[i] = heard[i] is Testimony.Given given && voters[i].FailedBy(given.Evidence, now) is null;
                _mayHold[i] = heard[i] is Testimony.Given held && !_counts[i] && voters[i].MayHold(held.Evidence, now);
                AnyJoiner |= _mayHold[i];
                _mayJoin[i] = heard[i] switch
                {
                    Testimony.Silent => voters[i].MayStillCount(now),
                    // It may have spoken long ago.
                    Testimony.Unavailable => voters[i].MayStillCount(null),
                    _ => false,
                };
                if (_mayJoin[i])
                {
                    Joiners++;
                    AnyJoiner = true;
                }
            }
        }

        public Testimony[] Heard { get; }

        public int Candidates { get; }

        public int Joiners { get; }

        /// <summary>Somebody may join a candidate, or has spoken for one and does not count yet.</summary>
        public bool AnyJoiner { get; }

        public bool MayJoin(int voter) => _mayJoin[voter];

        /// <summary>The builder has spoken, and only time or witnesses keep its vote from counting.</summary>
        public bool MayHold(int voter) => _mayHold[voter];

        public bool Supports(int voter, int candidate) => _groups[voter] == candidate && _counts[voter];

        /// <summary>The builder means this candidate, whether its vote counts or not.</summary>
        public bool Means(int voter, int candidate) => _groups[voter] == candidate;

        public bool HasSpoken(int voter) => _groups[voter] != Trust.Candidates.None;

        public int Support(int candidate)
        {
            var support = 0;
            for (var i = 0; i < _groups.Length; i++)
            {
                if (Supports(i, candidate))
                {
                    support++;
                }
            }
            return support;
        }

        /// <summary>The candidate with most supporters, the first in rule order of several; none when nobody made a claim.</summary>
        public int Leading()
        {
            var leading = Trust.Candidates.None;
            for (var candidate = 0; candidate < Candidates; candidate++)
            {
                if (leading == Trust.Candidates.None || Support(candidate) > Support(leading))
                {
                    leading = candidate;
                }
            }
            return leading;
        }
    }
}
