// The tests of this project start many processes; side by side they would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Quorate.EndToEnd.Programs;

/// <summary>Where a test run differs: continuous integration must have every foreign program, a user's machine need not.</summary>
static class Machine
{
    public static bool IsContinuousIntegration => Environment.GetEnvironmentVariable("CI") == "true";

    /// <summary>A foreign program's path; without it the test fails in continuous integration and is skipped by name elsewhere.</summary>
    public static string Require(string program, string debianPackage)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
        var found = folders.Where(f => f.Length > 0).Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
        if (found is null)
        {
            Missing($"missing program: {program} (Debian package {debianPackage})");
        }
        return found!;
    }

    public static void Missing(string what)
    {
        if (IsContinuousIntegration)
        {
            Assert.Fail(what);
        }
        Assert.Skip(what);
    }
}
