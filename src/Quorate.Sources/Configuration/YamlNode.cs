namespace Quorate.Sources.Configuration;

/// <summary>A place in the file, both counted from 1.</summary>
readonly record struct Place(int Line, int Column);

/// <summary>One node of the document with its place and its path (<c>follow[2].key</c>).</summary>
abstract record YamlNode(Place Place, string Path)
{
    /// <summary>What to call this node in a message.</summary>
    public abstract string Kind { get; }
}

/// <param name="Plain">Written without quotes and not as a block.</param>
sealed record YamlScalar(Place Place, string Path, string Text, bool Plain) : YamlNode(Place, Path)
{
    /// <summary>Nothing was written where a value belongs: <c>key:</c>, <c>~</c> or <c>null</c>.</summary>
    public bool IsNull => Plain && Text is "" or "~" or "null" or "Null" or "NULL";

    public override string Kind => IsNull ? "nothing" : "a single value";
}

sealed record YamlList(Place Place, string Path, IReadOnlyList<YamlNode> Items) : YamlNode(Place, Path)
{
    public override string Kind => "a list";
}

/// <param name="Flow">Written in braces.</param>
sealed record YamlMap(Place Place, string Path, IReadOnlyList<YamlEntry> Entries, bool Flow) : YamlNode(Place, Path)
{
    public override string Kind => "a mapping";
}

sealed record YamlEntry(YamlScalar Key, YamlNode Value);
