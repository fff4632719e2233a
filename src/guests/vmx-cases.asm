; A hypervisor that runs *cases*: small programs of VMX operations, embedded behind this image, each of which prints one line.
;
; Case data (`case_data`, written by test/impl/vmx/case-image.ts): words list_count and case_count, then one 32-bit offset for every list
; and every case, relative to `case_data`. A list or case is a sequence of 16-byte operations (kind: 16 bits, unused: 16, a: 32, b: 64)
; that ends with kind 0. Before each case the scratch area 0x20000 .. 0x3ffff is built anew and VMX operation is entered with
; VMCS A current and clear, its host-state area filled from the hypervisor's own state.
org 0x100000
bits 32

VMXON_REGION equ 0x20000
VMCS_A  equ 0x21000
VMCS_B  equ 0x22000
SCRATCH equ 0x20000
SCRATCH_BYTES equ 0x20000
EPT     equ 0x30000
PAGES   equ 0x34000
GUEST_GDT equ 0x38000
GUEST_VECTORS equ 0x38400
GUEST_DIRECTORY equ 0x3b000
SHORT_PAGES equ 0x3f000
GUEST_CODE equ 0x3c000
GUEST_STUBS equ 0x3d000
GUEST_IDT equ 0x3e000
HOST_CR4 equ 0x2020
CAPABILITY_MSRS equ 18

        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"

long_mode:
        call serial_init
        call build_host_idt
        mov ecx, 0x3a
        rdmsr
        test al, 1
        jnz .locked
        mov eax, 5
        xor edx, edx
        wrmsr
.locked:
        mov rax, HOST_CR4
        mov cr4, rax
        call put_capabilities
        mov qword [case_number], 0
next_case:
        mov rsp, 0x90000
        mov eax, [case_number]
        cmp eax, [case_data + 4]
        jae .end
        mov ebx, [case_data]
        add ebx, eax
        mov ebx, [case_data + 8 + rbx * 4]
        lea rbx, [case_data + rbx]
        mov [op_pointer], rbx
        mov qword [list_depth], 0
        call reset_machine
        mov eax, [case_number]
        call put_hex
        mov al, ':'
        call put_char
        jmp next_op
.end:   mov rsi, text_end
        call put_text
        jmp power_off

end_of_case:
        mov rcx, [list_depth]
        jrcxz .line
        dec rcx
        mov [list_depth], rcx
        mov rax, [list_stack + rcx * 8]
        mov [op_pointer], rax
        jmp next_op
.line:  call put_line
        inc qword [case_number]
        jmp next_case

; Fetches and executes the next operation: ECX = a, RDX = b.
next_op:
        mov rsp, 0x90000
        mov r15, [op_pointer]
        add qword [op_pointer], 16
        movzx eax, word [r15]
        mov ecx, [r15 + 4]
        mov rdx, [r15 + 8]
        cmp eax, (op_table_end - op_table) / 8
        jae .bad
        jmp [op_table + rax * 8]
.bad:   mov al, '?'
        call put_char
        jmp end_of_case

        align 8
op_table:
        dq end_of_case          ; 0
        dq op_vmwrite           ; 1  VMWRITE field a, b; prints only a failure
        dq op_poke              ; 2  memory at a := b
        dq op_list              ; 3  operations of list a
        dq op_launch            ; 4  VMLAUNCH, then up to a exits; b = exit reasons to resume from where the guest stands
        dq op_resume            ; 5  VMRESUME, likewise
        dq op_vmclear           ; 6  VMCLEAR b
        dq op_vmptrld           ; 7  VMPTRLD b
        dq op_vmptrst           ; 8  VMPTRST, prints the pointer
        dq op_vmread            ; 9  VMREAD field a, prints the value
        dq op_vmwrite_loud      ; 10 VMWRITE field a, b, prints the outcome
        dq op_vmxoff            ; 11 VMXOFF
        dq op_vmxon             ; 12 VMXON b
        dq op_invept            ; 13 INVEPT type a, EPT pointer b
        dq op_invvpid           ; 14 INVVPID type a, VPID b
        dq op_vmcall            ; 15 VMCALL in root operation
        dq op_wrmsr             ; 16 WRMSR a, b
        dq op_rdmsr             ; 17 RDMSR a, prints the value
        dq op_cr0               ; 18 CR0 := b
        dq op_cr4               ; 19 CR4 := b
        dq op_register          ; 20 guest register a := b
        dq op_launch_blocked    ; 21 VMLAUNCH in the shadow of MOV SS
        dq op_resume_blocked    ; 22 VMRESUME in the shadow of MOV SS
        dq op_invvpid_address   ; 23 INVVPID type a, VPID 1, linear address b
        dq op_peek              ; 24 prints the memory at a
        dq op_invept_reserved   ; 25 INVEPT type a with b in the upper half of the descriptor
        dq op_sweep             ; 26 every encoding from a to b: prints the readable ones
        dq op_user_vmcall       ; 27 a VMX instruction (a) in ring 3
        dq op_compatibility     ; 28 a VMX instruction (a) in compatibility mode
op_table_end:

op_vmwrite:
        mov rax, rcx
        vmwrite rax, rdx
        jbe .failed
        jmp next_op
.failed:
        pushfq
        mov al, ' '
        call put_char
        mov al, '!'
        call put_char
        mov rax, rcx
        call put_hex
        popfq
        jmp put_outcome

op_vmwrite_loud:
        mov rax, rcx
        vmwrite rax, rdx
        jmp put_outcome

op_poke:
        mov [rcx], rdx
        jmp next_op

op_peek:
        mov rax, [rcx]
        jmp put_value

op_list:
        mov rax, [list_depth]
        mov rbx, [op_pointer]
        mov [list_stack + rax * 8], rbx
        inc qword [list_depth]
        mov ebx, [case_data + 8 + rcx * 4]
        lea rbx, [case_data + rbx]
        mov [op_pointer], rbx
        jmp next_op

op_launch:
        mov [exit_budget], rcx
        mov [resume_reasons], rdx
        call load_guest_registers
        vmlaunch
        jmp put_outcome

op_launch_blocked:
        mov [exit_budget], rcx
        mov [resume_reasons], rdx
        mov eax, 0x10
        mov ss, eax
        vmlaunch
        jmp put_outcome

op_resume:
        mov [exit_budget], rcx
        mov [resume_reasons], rdx
resume_guest:
        call load_guest_registers
        vmresume
        jmp put_outcome

op_resume_blocked:
        mov eax, 0x10
        mov ss, eax
        vmresume
        jmp put_outcome

op_vmclear:
        mov [operand], rdx
        vmclear [operand]
        jmp put_outcome

op_vmptrld:
        mov [operand], rdx
        vmptrld [operand]
        jmp put_outcome

op_vmptrst:
        mov qword [operand], 0x1234
        vmptrst [operand]
        jbe put_outcome
        mov rax, [operand]
        jmp put_value

op_vmread:
        mov rax, rcx
        vmread rax, rax
        jbe put_outcome
        jmp put_value

op_vmxoff:
        vmxoff
        jmp put_outcome

op_vmxon:
        mov [operand], rdx
        vmxon [operand]
        jmp put_outcome

op_invept:
        mov [operand], rdx
        mov qword [operand + 8], 0
        mov rax, rcx
        invept rax, [operand]
        jmp put_outcome

op_invept_reserved:
        mov qword [operand], EPT + 0x1e
        mov [operand + 8], rdx
        mov rax, rcx
        invept rax, [operand]
        jmp put_outcome

op_invvpid:
        mov [operand], rdx
        mov qword [operand + 8], 0
        mov rax, rcx
        invvpid rax, [operand]
        jmp put_outcome

op_invvpid_address:
        mov qword [operand], 1
        mov [operand + 8], rdx
        mov rax, rcx
        invvpid rax, [operand]
        jmp put_outcome

op_vmcall:
        vmcall
        jmp put_outcome

op_wrmsr:
        mov eax, edx
        shr rdx, 32
        wrmsr
        jmp next_op

op_rdmsr:
        rdmsr
        shl rdx, 32
        or rax, rdx
        jmp put_value

op_cr0:
        mov cr0, rdx
        jmp next_op

op_cr4:
        mov cr4, rdx
        jmp next_op

op_register:
        mov [guest_registers + rcx * 8], rdx
        jmp next_op

op_sweep:
        mov r12, rcx
        mov r13, rdx
.next:  vmread rax, r12
        jbe .skip
        mov al, ' '
        call put_char
        mov rax, r12
        call put_hex
.skip:  inc r12
        cmp r12, r13
        jbe .next
        jmp next_op

; Ring 3 returns by the exception that the VMX instruction raises; INT3 stands behind each.
op_user_vmcall:
        lea rax, [user_instructions + rcx * 8]
        push 0x33
        push 0x88000
        push 2
        push 0x3b
        push rax
        iretq

op_compatibility:
        lea rax, [user_instructions + rcx * 8]
        push 0x10
        push 0x88000
        push 2
        push 0x28
        push rax
        iretq

        align 8
user_instructions:
        vmcall
        int3
        align 8
        vmlaunch
        int3
        align 8
        vmresume
        int3
        align 8
        vmxoff
        int3
        align 8
        vmread rax, rax
        int3
        align 8
        vmwrite rax, rax
        int3
        align 8
        db 0x0f, 0xc7, 0x30             ; vmptrld [rax]
        int3
        align 8
        db 0x0f, 0xc7, 0x38             ; vmptrst [rax]
        int3
        align 8
        db 0x66, 0x0f, 0xc7, 0x30       ; vmclear [rax]
        int3
        align 8
        db 0xf3, 0x0f, 0xc7, 0x30       ; vmxon [rax]
        int3
        align 8
        db 0x66, 0x0f, 0x38, 0x80, 0x00 ; invept rax, [rax]
        int3
        align 8
        db 0x66, 0x0f, 0x38, 0x81, 0x00 ; invvpid rax, [rax]
        int3
        align 8

; Prints " ok", " cf" or " z<error>", from the flags of a VMX instruction.
put_outcome:
        jc .invalid
        jz .valid
        mov rsi, text_ok
        call put_text
        jmp next_op
.invalid:
        mov rsi, text_cf
        call put_text
        jmp next_op
.valid: mov rsi, text_z
        call put_text
        mov eax, 0x4400
        vmread rax, rax
        call put_hex
        jmp next_op

; Prints " =<rax>".
put_value:
        push rax
        mov rsi, text_value
        call put_text
        pop rax
        call put_hex
        jmp next_op

; HOST_RIP.
vm_exit:
        mov [guest_registers], rax
        mov [guest_registers + 8], rcx
        mov [guest_registers + 16], rdx
        mov [guest_registers + 24], rbx
        mov [guest_registers + 40], rbp
        mov [guest_registers + 48], rsi
        mov [guest_registers + 56], rdi
        mov [guest_registers + 64], r8
        mov [guest_registers + 72], r9
        mov [guest_registers + 80], r10
        mov [guest_registers + 88], r11
        mov [guest_registers + 96], r12
        mov [guest_registers + 104], r13
        mov [guest_registers + 112], r14
        mov [guest_registers + 120], r15
        mov rbx, exit_fields
.field: movzx ecx, word [rbx]
        vmread rax, rcx
        jbe .next
        test rax, rax
        jz .next
        push rax
        mov al, ' '
        call put_char
        mov al, [rbx + 2]
        call put_char
        pop rax
        call put_hex
.next:  add rbx, 3
        cmp word [rbx], 0
        jne .field
        mov rsi, text_rax
        mov rax, [guest_registers]
        call put_nonzero
        mov rsi, text_cr2
        mov rax, cr2
        call put_nonzero
        mov rsi, text_stop
        call put_text
        mov eax, 0x4402
        vmread rax, rax
        bt rax, 31
        jc next_op
        dec qword [exit_budget]
        jz next_op
        cmp eax, 63
        ja next_op
        mov rcx, [resume_reasons]
        bt rcx, rax
        jc resume_guest
        mov rcx, INSTRUCTION_EXITS
        bt rcx, rax
        jnc next_op
        mov ecx, 0x440c
        vmread rcx, rcx
        mov ebx, 0x681e
        vmread rax, rbx
        add rax, rcx
        vmwrite rbx, rax
        jmp resume_guest

; Exit reasons after which the hypervisor steps over the instruction: 10 .. 17, 19 .. 31, 36, 39, 40, 46, 47, 50, 51, 53 .. 55, 57 .. 59, 61, 63.
INSTRUCTION_EXITS equ 0xaeec_c190_fffb_fc00

put_nonzero:
        test rax, rax
        jz .none
        call put_text
        call put_hex
.none:  ret

; Field and letter of what an exit prints if it is not zero.
exit_fields:
        dw 0x4402
        db 'x'
        dw 0x6400
        db 'q'
        dw 0x4404
        db 'i'
        dw 0x4406
        db 'c'
        dw 0x4408
        db 'v'
        dw 0x440a
        db 'w'
        dw 0x440c
        db 'l'
        dw 0x440e
        db 'n'
        dw 0x640a
        db 'a'
        dw 0x2400
        db 'p'
        dw 0x681e
        db 'r'
        dw 0x681c
        db 's'
        dw 0x6820
        db 'f'
        dw 0x4826
        db 't'
        dw 0x4824
        db 'b'
        dw 0x6822
        db 'd'
        dw 0x4016
        db 'j'
        dw 0x6800
        db 'g'
        dw 0x6804
        db 'h'
        dw 0

load_guest_registers:
        xor eax, eax
        mov cr2, rax
        mov rcx, [guest_registers + 8]
        mov rdx, [guest_registers + 16]
        mov rbx, [guest_registers + 24]
        mov rbp, [guest_registers + 40]
        mov rsi, [guest_registers + 48]
        mov rdi, [guest_registers + 56]
        mov r8, [guest_registers + 64]
        mov r9, [guest_registers + 72]
        mov r10, [guest_registers + 80]
        mov r11, [guest_registers + 88]
        mov r12, [guest_registers + 96]
        mov r13, [guest_registers + 104]
        mov r14, [guest_registers + 112]
        mov r15, [guest_registers + 120]
        mov rax, [guest_registers]
        ret

; An exception in root operation: prints " e<vector>:<error code>" and goes on with the next operation, or silently at `fault_continuation`.
host_exception:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov rbx, [fault_continuation]
        test rbx, rbx
        jnz .silent
        mov rsi, text_exception
        call put_text
        mov rax, [rsp]
        call put_hex
        mov al, ':'
        call put_char
        mov rax, [rsp + 8]
        call put_hex
        jmp next_op
.silent:
        mov rsp, [fault_stack]
        jmp rbx

        align 16
host_stubs:
%assign vector 0
%rep 32
        align 16
    %if vector != 8 && (vector < 10 || vector > 14) && vector != 17
        push 0
    %endif
        push vector
        jmp near host_exception
    %assign vector vector + 1
%endrep

build_host_idt:
        mov edi, host_idt
        mov eax, host_stubs
        mov ecx, 32
.gate:  mov [rdi], ax
        mov word [rdi + 2], 8
        mov word [rdi + 4], 0x8e00
        mov ebx, eax
        shr ebx, 16
        mov [rdi + 6], bx
        mov qword [rdi + 8], 0
        add rdi, 16
        add eax, 16
        loop .gate
        lidt [host_idt_pointer]
        ret

; Leaves VMX operation if in it, builds the scratch area, enters VMX operation, makes VMCS A current and fills its host state.
reset_machine:
        mov [fault_stack], rsp
        mov qword [fault_continuation], .outside
        vmxoff
.outside:
        mov qword [fault_continuation], 0
        mov rax, 0x80010031
        mov cr0, rax
        mov rax, HOST_CR4
        mov cr4, rax
        xor eax, eax
        mov edi, SCRATCH
        mov ecx, SCRATCH_BYTES / 8
        rep stosq
        mov edi, guest_registers
        mov ecx, 16
        rep stosq
        mov ecx, 0x480
        rdmsr
        and eax, 0x7fffffff
        mov [VMXON_REGION], eax
        mov [VMCS_A], eax
        mov [VMCS_B], eax
        call build_scratch
        mov qword [operand], VMXON_REGION
        vmxon [operand]
        mov qword [operand], VMCS_B
        vmclear [operand]
        mov qword [operand], VMCS_A
        vmclear [operand]
        vmptrld [operand]
        mov qword [operand], 0
        mov qword [operand + 8], 0
        mov eax, 2
        invept rax, [operand]
        invvpid rax, [operand]

; Host-state area from the hypervisor's own state.
        mov rbx, host_fields
.field: movzx ecx, word [rbx]
        mov rax, [rbx + 2]
        vmwrite rcx, rax
        add rbx, 10
        cmp word [rbx], 0
        jne .field
        mov rax, cr0
        mov ecx, 0x6c00
        vmwrite rcx, rax
        mov rax, cr3
        mov ecx, 0x6c02
        vmwrite rcx, rax
        mov rax, cr4
        mov ecx, 0x6c04
        vmwrite rcx, rax
        ret

host_fields:
        dw 0x0c00
        dq 0x10
        dw 0x0c02
        dq 0x08
        dw 0x0c04
        dq 0x10
        dw 0x0c06
        dq 0x10
        dw 0x0c08
        dq 0x10
        dw 0x0c0a
        dq 0x10
        dw 0x0c0c
        dq 0x18
        dw 0x6c0a
        dq host_tss
        dw 0x6c0c
        dq host_gdt
        dw 0x6c0e
        dq host_idt
        dw 0x6c14
        dq 0x90000
        dw 0x6c16
        dq vm_exit
        dw 0x2c00
        dq 0x0007040600070406
        dw 0x2c02
        dq 0xd01
        dw 0

build_scratch:
; All guests see the scratch area only, at its own address in 4 KiB pages: EPT, 64-bit or PAE tables, 32-bit tables.
        mov dword [EPT], EPT + 0x1000 + 7
        mov dword [EPT + 0x1000], EPT + 0x2000 + 7
        mov dword [EPT + 0x2000], EPT + 0x3000 + 7
        mov edi, EPT + 0x3000 + SCRATCH / 0x1000 * 8
        mov eax, SCRATCH + 0x37
        mov edx, 8
        call fill_table
        mov dword [PAGES], PAGES + 0x1000 + 7
        mov dword [PAGES + 0x1000], PAGES + 0x2000 + 7
        mov dword [PAGES + 0x2000], PAGES + 0x3000 + 7
        mov edi, PAGES + 0x3000 + SCRATCH / 0x1000 * 8
        mov eax, SCRATCH + 7
        call fill_table
        mov dword [GUEST_DIRECTORY], SHORT_PAGES + 7
        mov edi, SHORT_PAGES + SCRATCH / 0x1000 * 4
        mov eax, SCRATCH + 7
        mov edx, 4
        call fill_table
; PDPT of PAE guests: the 64-bit page directory.
        mov dword [0x2e000], PAGES + 0x2000 + 1
; GDT, TSS, IDT and its stubs: vector n ends in VMCALL at GUEST_STUBS + 16 n.
        mov esi, host_gdt
        mov edi, GUEST_GDT
        mov ecx, (host_gdt_end - host_gdt) / 8
        rep movsq
        mov dword [GUEST_GDT + 0x18], 0x81000067
        mov dword [GUEST_GDT + 0x1c], 0x00008b03
        mov qword [GUEST_GDT + 0x104], 0x39ff0
        mov qword [GUEST_GDT + 0x124], 0x39800
        mov edi, GUEST_IDT
        mov ebx, GUEST_STUBS
        mov ecx, 256
.gate:  mov word [rdi], bx
        mov dword [rdi + 2], 0x8e000000 + 8
        mov eax, ebx
        shr eax, 16
        mov [rdi + 6], ax
        mov dword [rbx], 0xf4c1010f
        add rdi, 16
        add ebx, 16
        loop .gate
; Interrupt vectors of real mode, to the same stubs in segment 0x3000.
        mov edi, GUEST_VECTORS
        mov eax, 0x3000d000
        mov ecx, 256
.vector:
        mov [rdi], eax
        add rdi, 4
        add eax, 16
        loop .vector
        mov dword [GUEST_CODE], 0xf4c1010f
        ret

; Entries for the pages of the scratch area: at RDI, RDX bytes each, from EAX.
fill_table:
        mov ecx, SCRATCH_BYTES / 0x1000
.entry: mov [rdi], eax
        add rdi, rdx
        add eax, 0x1000
        loop .entry
        ret

; Prints every capability MSR, or " -" where it does not exist.
put_capabilities:
        mov dword [operand], 0x480
.next:  mov al, 'm'
        call put_char
        mov eax, [operand]
        call put_hex
        mov al, ' '
        call put_char
        mov [fault_stack], rsp
        mov qword [fault_continuation], .missing
        mov ecx, [operand]
        rdmsr
        shl rdx, 32
        or rax, rdx
        call put_hex
        jmp .line
.missing:
        mov al, '-'
        call put_char
.line:  mov qword [fault_continuation], 0
        call put_line
        inc dword [operand]
        cmp dword [operand], 0x480 + CAPABILITY_MSRS
        jb .next
        ret

%include "serial.inc"

text_end:       db 'end', 10, 0
text_ok:        db ' ok', 0
text_cf:        db ' cf', 0
text_z:         db ' z', 0
text_value:     db ' =', 0
text_exception: db ' e', 0
text_rax:       db ' A', 0
text_cr2:       db ' C', 0
text_stop:      db ';', 0

        align 16
host_idt_pointer:
        dw 32 * 16 - 1
        dq host_idt
        align 16
host_idt:           times 32 * 16 db 0
operand:            dq 0, 0
op_pointer:         dq 0
case_number:        dq 0
exit_budget:        dq 0
resume_reasons:     dq 0
fault_continuation: dq 0
fault_stack:        dq 0
list_depth:         dq 0
list_stack:         times 8 dq 0
guest_registers:    times 16 dq 0
        align 16
case_data:
