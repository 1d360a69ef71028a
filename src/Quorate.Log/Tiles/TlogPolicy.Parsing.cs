using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Tiles;

public sealed partial record TlogPolicy
{
    /// <summary>Largest policy file in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Most logs, witnesses and groups each; the specification asks for at least 32.</summary>
    public const int MaxOfEach = 1024;

    public static bool TryParse(ReadOnlySpan<byte> file, [NotNullWhen(true)] out TlogPolicy? policy, out string error)
    {
        policy = null;
        error = "";
        if (file.Length > MaxBytes)
        {
            error = $"the policy is larger than {MaxBytes} bytes";
            return false;
        }
        // Cut after a name that is the beginning of another, a file would still parse, and mean something else.
        if (!file.IsEmpty && file[^1] != (byte)'\n')
        {
            error = "the policy's last line does not end with a newline";
            return false;
        }
        var parser = new Parser();
        for (var number = 1; !file.IsEmpty; number++)
        {
            var end = file.IndexOf((byte)'\n');
            if (parser.TakeLine(file[..end]) is { } problem)
            {
                error = $"line {number}: {problem}";
                return false;
            }
            file = file[(end + 1)..];
        }
        return parser.TryFinish(out policy, out error);
    }

    /// <exception cref="MalformedException"/>
    public static TlogPolicy Parse(ReadOnlySpan<byte> file) =>
        TryParse(file, out var policy, out var error) ? policy : throw new MalformedException(error);

    /// <summary>One policy file. Names are octets; Latin-1 keeps each of them as one character, so that comparing text compares octets.</summary>
    sealed class Parser
    {
        readonly List<PolicyLog> _logs = [];
        readonly List<PolicyWitness> _witnesses = [];
        readonly List<PolicyGroup> _groups = [];
        readonly HashSet<string> _names = new(StringComparer.Ordinal);
        readonly HashSet<string> _members = new(StringComparer.Ordinal);
        string? _quorum;
        bool _hasQuorum;

        internal string? TakeLine(ReadOnlySpan<byte> line)
        {
            foreach (var c in line)
            {
                if (c is < 0x20 and not (byte)'\t' or 0x7f)
                {
                    return "a control character";
                }
            }
            var items = Encoding.Latin1.GetString(line).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (items.Length == 0 || items[0][0] == '#')
            {
                return null;
            }
            return (items[0], items.Length) switch
            {
                ("log", 2 or 3) => AddLog(items),
                ("witness", 3 or 4) => AddWitness(items),
                ("group", >= 4) => AddGroup(items),
                ("quorum", 2) => SetQuorum(items[1]),
                ("log", _) => "expected 'log VKEY [URL]'",
                ("witness", _) => "expected 'witness NAME VKEY [URL]'",
                ("group", _) => "expected 'group NAME any|all|K MEMBER…'",
                ("quorum", _) => "expected 'quorum NAME' or 'quorum none'",
                _ => $"'{Shown(items[0])}' is none of log, witness, group, quorum",
            };
        }

        internal bool TryFinish([NotNullWhen(true)] out TlogPolicy? policy, out string error)
        {
            policy = _hasQuorum ? new TlogPolicy(_logs, _witnesses, _groups, _quorum) : null;
            error = _hasQuorum ? "" : "the policy has no quorum line";
            return _hasQuorum;
        }

        string? AddLog(string[] items)
        {
            if (!NoteVerifierKey.TryParse(Utf8(items[1]), out var key, out var error))
            {
                return error;
            }
            if (key.Type == NoteKeyType.Cosignature)
            {
                return $"the key of {key.Name} is a witness's, not a log's";
            }
            if (_logs.Any(l => l.Key.IsSameKey(key)))
            {
                return $"the key of {key.Name} is a log's already";
            }
            _logs.Add(new PolicyLog(key, items.Length > 2 ? Utf8(items[2]) : null));
            return TooMany(_logs.Count, "logs");
        }

        string? AddWitness(string[] items)
        {
            if (!NoteVerifierKey.TryParse(Utf8(items[2]), out var key, out var error))
            {
                return error;
            }
            if (key.Type == NoteKeyType.Ed25519)
            {
                return $"the key of {key.Name} is a log's, not a witness's";
            }
            if (_witnesses.Any(w => w.Key.IsSameKey(key)))
            {
                return $"the key of {key.Name} is a witness's already";
            }
            if (Define(items[1]) is { } problem)
            {
                return problem;
            }
            _witnesses.Add(new PolicyWitness(items[1], key, items.Length > 3 ? Utf8(items[3]) : null));
            return TooMany(_witnesses.Count, "witnesses");
        }

        string? AddGroup(string[] items)
        {
            var members = items[3..];
            var threshold = 0UL;
            switch (items[2])
            {
                case "any":
                    threshold = 1;
                    break;
                case "all":
                    threshold = (ulong)members.Length;
                    break;
                default:
                    if (!StrictDecimal.TryParse(items[2], out threshold) || threshold == 0 || threshold > (ulong)members.Length)
                    {
                        return $"'{Shown(items[2])}' is not any, all, or a number from 1 to {members.Length}";
                    }
                    break;
            }
            foreach (var member in members)
            {
                if (!_names.Contains(member))
                {
                    return $"'{Shown(member)}' is not defined on a line before";
                }
                if (!_members.Add(member))
                {
                    return $"'{Shown(member)}' is a member of a group already";
                }
            }
            if (Define(items[1]) is { } problem)
            {
                return problem;
            }
            _groups.Add(new PolicyGroup(items[1], (int)threshold, members));
            return TooMany(_groups.Count, "groups");
        }

        string? SetQuorum(string name)
        {
            if (_hasQuorum)
            {
                return "a second quorum line";
            }
            if (name != "none" && !_names.Contains(name))
            {
                return $"'{Shown(name)}' is not defined on a line before";
            }
            (_hasQuorum, _quorum) = (true, name == "none" ? null : name);
            return null;
        }

        string? Define(string name) =>
            name == "none" ? "nothing can be named 'none'"
            : _names.Add(name) ? null
            : $"'{Shown(name)}' is defined already";

        static string? TooMany(int count, string what) => count > MaxOfEach ? $"more than {MaxOfEach} {what}" : null;

        static string Utf8(string octets) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(octets));

        static string Shown(string octets) => Utf8(octets.Length > 64 ? octets[..64] : octets);
    }
}
