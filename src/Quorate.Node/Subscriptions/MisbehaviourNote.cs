using System.Text;
using Quorate.Core;
using Quorate.Core.Files;

namespace Quorate.Node.Subscriptions;

/// <summary>How a log that is followed in query mode was caught.</summary>
/// <param name="Reason">One sentence.</param>
/// <param name="IsHeadBad">The newest verified head contradicts itself; otherwise it is the last good one.</param>
sealed record Caught(string Reason, bool IsHeadBad);

/// <summary>
/// Keeps it beside the verified head: the line <c>quorate-query-misbehaviour 1</c>, then <c>bad-head</c> or <c>good-head</c>, then the reason.
/// </summary>
sealed class MisbehaviourNote(string path)
{
    const int MaxBytes = 64 << 10;
    const string Magic = "quorate-query-misbehaviour 1";
    const string BadHead = "bad-head";
    const string GoodHead = "good-head";

    /// <exception cref="MalformedException">The file is not what <see cref="Write"/> wrote.</exception>
    public Caught? Read()
    {
        if (!File.Exists(path))
        {
            return null;
        }
        var lines = new FileInfo(path).Length <= MaxBytes ? File.ReadAllText(path).Split('\n', 3) : [];
        return lines is [Magic, BadHead or GoodHead, { Length: > 0 } reason]
            ? new Caught(reason.TrimEnd('\n'), lines[1] == BadHead)
            : throw new MalformedException($"{path} is not a record of misbehaviour; whoever removes it trusts the log again");
    }

    public void Write(Caught caught)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var text = $"{Magic}\n{(caught.IsHeadBad ? BadHead : GoodHead)}\n{caught.Reason}\n";
        DurableFile.Replace(path, Encoding.UTF8.GetBytes(text), DurableFile.Private);
    }
}
