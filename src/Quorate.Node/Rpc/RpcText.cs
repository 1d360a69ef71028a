namespace Quorate.Node.Rpc;

/// <summary>Foreign text inside our error messages.</summary>
static class RpcText
{
    const int MaxLength = 100;

    /// <summary>Short, and without control characters.</summary>
    public static string Shorten(string text)
    {
        var cut = text.Length > MaxLength ? text[..MaxLength] + "…" : text;
        return cut.Any(char.IsControl) ? new string([.. cut.Select(c => char.IsControl(c) ? '\uFFFD' : c)]) : cut;
    }
}
