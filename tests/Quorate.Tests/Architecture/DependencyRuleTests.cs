using System.Reflection;
using System.Runtime.InteropServices;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Architecture;

/// <summary>Holds the projects' references against the table of the design: only what is drawn there, directly or through what it draws.</summary>
public sealed class DependencyRuleTests
{
    static readonly Dictionary<string, string[]> s_drawn = new(StringComparer.Ordinal)
    {
        ["Core"] = [],
        ["Crypto"] = ["Core"],
        ["Trust"] = ["Crypto"],
        ["Log"] = ["Crypto"],
        ["Postgres"] = ["Log"],
        ["Nix"] = ["Trust"],
        ["Rpc"] = ["Core"],
        ["Sources"] = ["Log", "Nix", "Rpc"],
        ["Node"] = ["Trust", "Sources", "Postgres"],
        ["Cli"] = ["Trust", "Sources"],
    };

    public static TheoryData<string> Projects => [.. s_drawn.Keys];

    [Fact]
    public void Every_project_is_in_the_table() =>
        Assert.Equal(
            s_drawn.Keys.Order(StringComparer.Ordinal),
            Directory
                .GetDirectories(Path.Combine(Vectors.RepositoryRoot(), "src"))
                .Select(folder => Path.GetFileName(folder)["Quorate.".Length..])
                .Order(StringComparer.Ordinal)
        );

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_references_only_what_the_design_draws(string project)
    {
        var own = References(project).Where(name => name.StartsWith("Quorate.", StringComparison.Ordinal));
        Assert.Empty(own.Select(name => name["Quorate.".Length..]).Except(Allowed(project)));
    }

    [Theory]
    [InlineData("Core")]
    [InlineData("Crypto")]
    [InlineData("Trust")]
    public void Project_that_decides_trust_references_no_package(string project) =>
        Assert.All(
            References(project).Where(name => !name.StartsWith("Quorate.", StringComparison.Ordinal)),
            name => Assert.True(File.Exists(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), $"{name}.dll")), name)
        );

    [Fact]
    public void Rpc_does_not_reference_the_web_server() =>
        Assert.DoesNotContain(References("Rpc"), name => name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal));

    static IEnumerable<string> Allowed(string project) => s_drawn[project].SelectMany(drawn => Allowed(drawn).Append(drawn)).Distinct();

    static IEnumerable<string> References(string project)
    {
        var file = Path.Combine(
            AppContext.BaseDirectory,
            project == "Node" ? "quorated.dll"
                : project == "Cli" ? "quorate.dll"
                : $"Quorate.{project}.dll"
        );
        return Assembly.LoadFrom(file).GetReferencedAssemblies().Select(name => name.Name!);
    }
}
