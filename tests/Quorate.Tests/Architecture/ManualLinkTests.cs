using System.Text.RegularExpressions;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Architecture;

/// <summary>Packages have these pages, the licence and nothing else of the checkout: links from page to page lead to these, and to headings that are there.</summary>
public sealed partial class ManualLinkTests
{
    static readonly string s_root = Vectors.RepositoryRoot();

    static readonly string[] s_packaged =
    [
        .. ((string[])["README.md", "CONTRIBUTING.md", "LICENSE"]).Select(name => Path.Combine(s_root, name)),
        .. Directory.GetFiles(Path.Combine(s_root, "docs"), "*.md", SearchOption.AllDirectories),
    ];

    [Fact]
    public void Every_link_leads_to_what_is_packaged()
    {
        var dead =
            from page in s_packaged
            from target in Links(page)
            let parts = target.Split('#')
            let path = parts[0].Length == 0 ? page : Path.GetFullPath(parts[0], Path.GetDirectoryName(page)!)
            where !s_packaged.Contains(path) || (parts.Length > 1 && !Headings(path).Contains(parts[1]))
            select $"{Path.GetRelativePath(s_root, page)}: {target}";
        Assert.Empty(dead);
    }

    [Fact]
    public void Manual_lists_every_page()
    {
        var manual = Path.Combine(s_root, "docs", "README.md");
        var listed = Links(manual).Select(target => Path.GetFullPath(target, Path.GetDirectoryName(manual)!));
        Assert.Equal(s_packaged[3..].Order(StringComparer.Ordinal), listed.Append(manual).Order(StringComparer.Ordinal));
    }

    static IEnumerable<string> Links(string page) =>
        Link()
            .Matches(File.ReadAllText(page))
            .Select(match => match.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal));

    /// <summary>Names of headings as the usual renderers make them.</summary>
    static HashSet<string> Headings(string page) =>
        [
            .. File.ReadLines(page)
                .Where(line => line.StartsWith('#'))
                .Select(line => NoName().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-')),
        ];

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoName();
}
